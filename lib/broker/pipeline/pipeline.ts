/**
 * The way of every request through the broker, once it is decoded: authenticated → authorized → handled → charged →
 * throttled. Sockets, clients in this process and the simulation all enter here.
 */
import { MalformedFrameError } from '../../network/index.js'
import type { ApiName, RequestOf } from '../../protocol/index.js'
import { apiByName, KafkaError } from '../../protocol/index.js'
import type { BrokerServices } from '../services.js'
import type { Narrowed } from './access.js'
import type { AnyApiHandler, Response } from './handler.js'
import { kafkaErrorOf } from './kafka-error.js'
import type { Charge } from './quotas.js'
import { RequestContext, type RequestSource } from './request-context.js'
import { Session, type SessionConnection } from './session.js'

export class Pipeline {
  readonly broker: BrokerServices
  readonly #byKey = new Map<number, AnyApiHandler>()

  constructor(handlers: readonly AnyApiHandler[], broker: BrokerServices) {
    this.broker = broker
    for (const handler of handlers) this.#byKey.set(apiByName(handler.api).key, handler)
  }

  /** Undefined for an API that is not served. */
  handler(apiKey: number): AnyApiHandler | undefined {
    return this.#byKey.get(apiKey)
  }

  /** The session of a new connection. */
  open(connection: SessionConnection, principal?: string): Session {
    return new Session(connection, this.broker.authorizer, principal)
  }

  /**
   * Answers a request that has all of its fields. Null where it has no answer. Rejects with what no client is to
   * blame for, and with a MalformedFrameError before the login.
   * REQUIRES: the API is served in this version.
   */
  answer<A extends ApiName>(
    api: A,
    request: RequestOf<A>,
    source: RequestSource,
  ): Promise<Response<A> | null> {
    const handler = this.#byKey.get(apiByName(api).key)
    if (handler === undefined) throw new TypeError(`${api} is not served`)
    const context = new RequestContext(handler, source, this.broker, performance.now())
    return this.run(handler, request, context, asItIs) as Promise<Response<A> | null>
  }

  /** As `answer`; `finish` makes what it resolves with of the answer, without one more turn of the event loop. */
  async run<T>(
    handler: AnyApiHandler,
    request: object,
    context: RequestContext,
    finish: (answer: object | null, context: RequestContext) => T,
  ): Promise<T> {
    if (!context.session.isAuthenticated && !handler.access.beforeLogin) {
      throw new MalformedFrameError(`${handler.api} before the client has logged in`)
    }
    let answer: object | null
    try {
      answer = this.broker.authorizer.allowsAll
        ? await handler.handle(request, context)
        : await handleAllowed(handler, request, context)
    } catch (thrown) {
      answer = refused(handler, request, context, kafkaErrorOf(thrown))
    }
    return finish(this.#settle(handler, request, context, answer), context)
  }

  /** Counts and charges what is answered. */
  #settle(
    handler: AnyApiHandler,
    request: object,
    context: RequestContext,
    answer: object | null,
  ): object | null {
    const { traffic, quotas } = this.broker
    if (traffic) traffic.answered(handler.api, context.elapsedMs)
    if (quotas.areUnlimited) return answer
    const kind: Charge =
      typeof handler.charge === 'string' ? handler.charge : handler.charge(request as never)
    if (kind === 'none') return answer
    const throttleTimeMs = quotas.charge(kind, context)
    if (throttleTimeMs <= 0) return answer
    context.session.mute(throttleTimeMs)
    return answer && { ...answer, throttleTimeMs }
  }
}

async function handleAllowed(
  handler: AnyApiHandler,
  request: object,
  context: RequestContext,
): Promise<object | null> {
  const verdict = handler.access.authorize(request as RequestOf<ApiName>, context)
  if (verdict === undefined) return handler.handle(request, context)
  if (verdict instanceof KafkaError) return refused(handler, request, context, verdict)
  if ('answer' in verdict) return verdict.answer
  const { request: left, complete, error } = verdict as Narrowed
  const answer = await handler.handle(left, context)
  if (answer !== null) return complete(answer)
  closeRefused(context, error)
  return null
}

function refused(
  handler: AnyApiHandler,
  request: object,
  context: RequestContext,
  error: KafkaError,
): object | null {
  const answer = handler.refuse(error, request, context)
  if (answer === null) closeRefused(context, error)
  return answer
}

/** No answer carries the refusal: only the end of the connection tells the client, as in Kafka. */
function closeRefused({ api, session }: RequestContext, error: KafkaError): void {
  session.close(`${api} was refused, and is not answered: ${error.message}`)
}

function asItIs(answer: object | null): object | null {
  return answer
}
