/** Access rules for requests whose items are allowed or refused one by one. */
import type { ApiName, Encodable, KafkaError, RequestOf, ResponseOf } from '../../protocol/index.js'
import { type Access, type Need, refusalOf } from './access.js'
import type { Operation, ResourceType } from './authorizer.js'
import type { RequestContext } from './request-context.js'
import type { Rights } from './rights.js'

type ListField<T> = {
  [K in keyof T]-?: NonNullable<T[K]> extends readonly unknown[] ? K : never
}[keyof T] &
  string

type ItemOf<T, K extends keyof T> = NonNullable<T[K]> extends readonly (infer E)[] ? E : never

/** Where the items stand in a request, and where their answers do. */
export interface ItemFields<
  A extends ApiName,
  Q extends ListField<RequestOf<A>>,
  S extends ListField<ResponseOf<A>>,
> {
  readonly items: Q
  readonly answers: S
  /** The answer to a refused item. */
  refuse(
    item: ItemOf<RequestOf<A>, Q>,
    error: KafkaError,
    context: RequestContext,
  ): Encodable<ItemOf<ResponseOf<A>, S>>
  /** The answer but for the refused items, where there are no others; without it the handler gives it. */
  nothingLeft?(request: RequestOf<A>, context: RequestContext): Encodable<ResponseOf<A>>
  /** For names that are not in the request. */
  permits?(rights: Rights, request: RequestOf<A>): (name: string) => boolean
}

export interface NamedItems<
  A extends ApiName,
  Q extends ListField<RequestOf<A>>,
  S extends ListField<ResponseOf<A>>,
> extends ItemFields<A, Q, S> {
  /** Undefined for an id that nobody knows, which the handler answers. Default: the item itself, or its `name`. */
  name?(item: ItemOf<RequestOf<A>, Q>, context: RequestContext): string | undefined
}

/** A right to each topic. The refusals stand in the answer where the items stood in the request. */
export function topics<
  A extends ApiName,
  Q extends ListField<RequestOf<A>>,
  S extends ListField<ResponseOf<A>>,
>(api: A, operation: Operation, fields: NamedItems<A, Q, S>): Access<A> {
  return named(api, 'TOPIC', operation, fields)
}

/** A right to each group. */
export function groups<
  A extends ApiName,
  Q extends ListField<RequestOf<A>>,
  S extends ListField<ResponseOf<A>>,
>(api: A, operation: Operation, fields: NamedItems<A, Q, S>): Access<A> {
  return named(api, 'GROUP', operation, fields)
}

function named<A extends ApiName, Q extends ListField<RequestOf<A>>, S extends ListField<ResponseOf<A>>>(
  api: A,
  resourceType: ResourceType,
  operation: Operation,
  fields: NamedItems<A, Q, S>,
): Access<A> {
  const nameOf = fields.name ?? ownName
  return items(api, `${operation} on each ${resourceType.toLowerCase()}`, fields, (item, context) => {
    const name = nameOf(item, context)
    return name === undefined ? undefined : { operation, resourceType, name }
  })
}

function ownName(item: unknown): string {
  return typeof item === 'string' ? item : (item as { name: string }).name
}

/** A rule in which each item says what it needs. `need` gives undefined for one that needs nothing. */
export function items<
  A extends ApiName,
  Q extends ListField<RequestOf<A>>,
  S extends ListField<ResponseOf<A>>,
>(
  _api: A,
  rule: string,
  fields: ItemFields<A, Q, S>,
  need: (item: ItemOf<RequestOf<A>, Q>, context: RequestContext, request: RequestOf<A>) => Need | undefined,
): Access<A> {
  type Item = ItemOf<RequestOf<A>, Q>
  type Answer = Encodable<ItemOf<ResponseOf<A>, S>>
  return {
    rule,
    authorize(request, context) {
      const all = (request[fields.items] ?? []) as readonly Item[]
      const left: Item[] = []
      /** By the position of each item; undefined for what is left. */
      const refused: (Answer | undefined)[] = []
      let first: KafkaError | undefined
      for (const item of all) {
        const needed = need(item, context, request)
        const error = needed && refusalOf(needed, context)
        if (error === undefined) left.push(item)
        first ??= error
        refused.push(error && fields.refuse(item, error, context))
      }
      if (first === undefined) return undefined
      const complete = (answer: Encodable<ResponseOf<A>>) => {
        const handled = (answer as Record<string, readonly Answer[] | undefined>)[fields.answers] ?? []
        return { ...answer, [fields.answers]: inOrder(refused, handled) } as Encodable<ResponseOf<A>>
      }
      if (left.length === 0 && fields.nothingLeft) {
        return { error: first, answer: complete(fields.nothingLeft(request, context)) }
      }
      return { error: first, request: { ...request, [fields.items]: left }, complete }
    },
    ...(fields.permits && { permits: fields.permits }),
  }
}

/** The handled answers in the places that are not refused, any others behind them. */
export function inOrder<T>(refused: readonly (T | undefined)[], handled: readonly T[]): T[] {
  const joined: T[] = []
  let next = 0
  for (const answer of refused) {
    if (answer !== undefined) joined.push(answer)
    else if (next < handled.length) joined.push(handled[next++]!)
  }
  return joined.concat(handled.slice(next))
}
