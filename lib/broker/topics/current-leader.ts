/**
 * Tells a client that came to the wrong broker, or with an old epoch, where to go (KIP-951).
 *
 * Kafka tells everybody. The tagged fields are more than some clients can skip: they would take the whole answer for
 * a broken one and try again in vain, where the error alone has them look for the leader. So they are told to clients
 * alone that have named themselves on this connection, as those that make use of it do, and not to those known to
 * stumble.
 */
import { ErrorCode } from '../../protocol/errors.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { brokersOf } from './broker-endpoints.js'

const misled: ReadonlySet<number> = new Set([ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.FENCED_LEADER_EPOCH])

/** By the name in ApiVersions. `@platformatic/kafka` 1.35 skips no tagged fields. */
const stumbling: ReadonlySet<string> = new Set(['platformatic-kafka'])

export class CurrentLeaders {
  readonly #context: RequestContext
  readonly #told = new Set<number>()

  constructor(context: RequestContext) {
    this.#context = context
  }

  /** The field of a partition's answer; undefined where the error has nothing to do with leaders. */
  of(errorCode: number, topic: string, partition: number) {
    if (!misled.has(errorCode) || !this.#isUnderstood) return undefined
    const known = this.#context.broker.cluster.image.topic(topic)?.partitions[partition]
    if (!known || known.leader < 0) return undefined
    this.#told.add(known.leader)
    return { leaderId: known.leader, leaderEpoch: known.leaderEpoch }
  }

  get #isUnderstood(): boolean {
    const { name } = this.#context.session.clientSoftware
    return name !== '' && !stumbling.has(name)
  }

  /** Addresses of the leaders that were told. */
  endpoints() {
    if (this.#told.size === 0) return []
    const { broker, session } = this.#context
    return brokersOf(broker.cluster, session.listenerName)
      .filter(({ id }) => this.#told.has(id))
      .map(({ id, ...address }) => ({ nodeId: id, ...address }))
  }
}
