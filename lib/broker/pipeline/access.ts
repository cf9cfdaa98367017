/**
 * Access rules: what a handler declares about who may call it. The pipeline applies a rule before the handler runs,
 * and only where the authorizer does not allow everything.
 */
import {
  type ApiName,
  type Encodable,
  KafkaError,
  type RequestOf,
  type ResponseOf,
} from '../../protocol/index.js'
import { CLUSTER_NAME, type Operation, type ResourceType } from './authorizer.js'
import type { RequestContext } from './request-context.js'
import type { Rights } from './rights.js'

/** Undefined: all of it is allowed. An error: none of it, by the handler's own `refuse`. */
export type Verdict<A extends ApiName = ApiName> = undefined | KafkaError | Answered<A> | Narrowed<A>

/** Nothing is left to be handled. */
export interface Answered<A extends ApiName = ApiName> {
  readonly error: KafkaError
  readonly answer: Encodable<ResponseOf<A>>
}

/** Some of it was refused. */
export interface Narrowed<A extends ApiName = ApiName> {
  /** The first refusal. */
  readonly error: KafkaError
  /** What is left. */
  readonly request: RequestOf<A>
  /** Puts the refusals into the answer to what was left. */
  complete(answer: Encodable<ResponseOf<A>>): Encodable<ResponseOf<A>>
}

export interface Access<A extends ApiName = ApiName> {
  /** The rule in words, for docs/protocol.md. */
  readonly rule: string
  /** True for what is answered before the client has logged in. */
  readonly beforeLogin?: boolean
  /** REQUIRES: the authorizer does not allow everything. */
  authorize(request: RequestOf<A>, context: RequestContext): Verdict<A>
  /** What the handler leaves out of an answer about all there is. */
  permits?(rights: Rights, request: RequestOf<A>): (name: string) => boolean
}

/** What one item of a request needs. */
export interface Need {
  readonly operation: Operation
  readonly resourceType: ResourceType
  readonly name: string
}

const errorNames = {
  TOPIC: 'TOPIC_AUTHORIZATION_FAILED',
  GROUP: 'GROUP_AUTHORIZATION_FAILED',
  CLUSTER: 'CLUSTER_AUTHORIZATION_FAILED',
  TRANSACTIONAL_ID: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
} as const

/** Without names: an answer about a topic's id must not give its name away. */
const nouns = {
  TOPIC: 'this topic',
  GROUP: 'this group',
  CLUSTER: 'the cluster',
  TRANSACTIONAL_ID: 'this transactional id',
} as const

/** The refusal of what the client needs and does not have; undefined where it has it. */
export function refusalOf(need: Need, { session }: RequestContext): KafkaError | undefined {
  const { operation, resourceType, name } = need
  if (session.rights.has(operation, resourceType, name)) return undefined
  return new KafkaError(
    errorNames[resourceType],
    `${session.principal} may not ${operation} ${nouns[resourceType]}.`,
  )
}

/** Everybody may; `why` says what makes that safe. */
export function openToAll(why: string, options: { beforeLogin?: boolean } = {}): Access<never> {
  return { rule: `everybody: ${why}`, ...options, authorize: () => undefined }
}

/** One right to the cluster for the whole request. */
export function cluster(operation: Operation): Access<never> {
  return whole<never>(`${operation} on the cluster`, () => ({
    operation,
    resourceType: 'CLUSTER',
    name: CLUSTER_NAME,
  }))
}

/** What brokers alone do. */
export const clusterAction = (): Access<never> => cluster('CLUSTER_ACTION')

/** One right to the group that the request is about. */
export function group(operation: Operation): Access<never> {
  return whole<never>(`${operation} on the group`, (request) => ({
    operation,
    resourceType: 'GROUP',
    name: (request as unknown as { groupId: string }).groupId,
  }))
}

/** A rule about the request as a whole. `need` gives undefined where this request needs nothing. */
export function whole<A extends ApiName>(
  rule: string,
  need: (request: RequestOf<A>, context: RequestContext) => Need | undefined,
): Access<A> {
  return {
    rule,
    authorize(request, context) {
      const needed = need(request, context)
      return needed && refusalOf(needed, context)
    },
  }
}

/** Whoever has the right to the cluster needs nothing else; others are asked for `rule`. */
export function unlessOnCluster<A extends ApiName>(operation: Operation, otherwise: Access<A>): Access<A> {
  return {
    rule: `${operation} on the cluster, or else ${otherwise.rule}`,
    authorize: (request, context) =>
      context.session.rights.hasOnCluster(operation) ? undefined : otherwise.authorize(request, context),
    ...(otherwise.permits && { permits: otherwise.permits }),
  }
}

/** For an API whose newer versions hold their items in another field. */
export function fromVersion<A extends ApiName>(
  version: number,
  since: Access<A>,
  before: Access<A>,
): Access<A> {
  return {
    rule: since.rule,
    authorize: (request, context) =>
      (context.version >= version ? since : before).authorize(request, context),
    ...(since.permits && { permits: since.permits }),
  }
}

/** For names that no request holds: the handler leaves out, or refuses, what `permits` does not let through. */
export function eachName<A extends ApiName>(
  rule: string,
  permits: NonNullable<Access<A>['permits']>,
): Access<A> {
  return { rule, authorize: () => undefined, permits }
}

/** The second rule is applied to what the first one leaves. */
export function both<A extends ApiName>(first: Access<A>, second: Access<A>): Access<A> {
  return {
    rule: `${first.rule}; ${second.rule}`,
    authorize(request, context) {
      const before = first.authorize(request, context)
      if (before === undefined) return second.authorize(request, context)
      if (!('request' in before)) return before
      const after = second.authorize(before.request, context)
      if (after === undefined) return before
      if (after instanceof KafkaError) return after
      const { error } = before
      if ('answer' in after) return { error, answer: before.complete(after.answer) }
      return { error, request: after.request, complete: (answer) => before.complete(after.complete(answer)) }
    },
    ...(second.permits && { permits: second.permits }),
  }
}
