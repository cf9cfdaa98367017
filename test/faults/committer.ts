/** A group whose only member commits rising offsets, and now and then asks what is committed. */
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode } from '../../lib/protocol/index.js'
import type { Random } from '../coordinator/random.js'
import { ClusterConnection, NoAnswerError } from './cluster-client.js'
import { FaultCluster } from './fault-cluster.js'
import type { GroupEvent, GroupHistory } from './history.js'

const pauseMs = 30

export class Committer {
  readonly #cluster: FaultCluster
  readonly #random: Random
  readonly #history: GroupHistory
  readonly #topic: string
  #offset = 0

  constructor(cluster: FaultCluster, random: Random, history: GroupHistory, topic: string) {
    this.#cluster = cluster
    this.#random = random
    this.#history = history
    this.#topic = topic
  }

  /** Until told to stop; then until one more commit was answered, and what is committed was told. */
  async run(isOver: () => boolean): Promise<void> {
    let isLast = false
    while (!isLast) {
      const wasOver = isOver()
      try {
        using connection = await ClusterConnection.open(this.#cluster, await this.#coordinator())
        for (;;) {
          const isCommitted = await this.#commit(connection)
          const isTold = wasOver || this.#random.chance(0.3) ? await this.#fetch(connection) : true
          if (!isCommitted || !isTold) break
          isLast = wasOver
          if (isLast || isOver()) break
          await delay(pauseMs)
        }
      } catch {}
      await delay(pauseMs)
    }
  }

  async #coordinator(): Promise<number> {
    using connection = await ClusterConnection.open(this.#cluster, this.#random.pick(FaultCluster.ids))
    const { coordinators } = await connection.send(
      'FindCoordinator',
      { keyType: 0, coordinatorKeys: [this.#history.group] },
      4,
    )
    const { errorCode, nodeId } = coordinators[0]!
    if (errorCode !== ErrorCode.NONE) throw new NoAnswerError('no coordinator')
    return nodeId
  }

  async #commit(connection: ClusterConnection): Promise<boolean> {
    const committedOffset = ++this.#offset
    const event = this.#begin('commit', committedOffset)
    const partitions = [{ partitionIndex: 0, committedOffset }]
    const { topics } = await connection.send(
      'OffsetCommit',
      { groupId: this.#history.group, topics: [{ name: this.#topic, partitions }] },
      9,
    )
    return this.#end(event, topics[0]!.partitions[0]!.errorCode)
  }

  async #fetch(connection: ClusterConnection): Promise<boolean> {
    const event = this.#begin('fetch', -1)
    const topics = [{ name: this.#topic, partitionIndexes: [0] }]
    const { groups } = await connection.send(
      'OffsetFetch',
      { groups: [{ groupId: this.#history.group, topics }] },
      8,
    )
    const { errorCode, topics: told } = groups[0]!
    const answer = told[0]?.partitions[0]
    event.offset = Number(answer?.committedOffset ?? -1)
    return this.#end(event, errorCode || (answer?.errorCode ?? ErrorCode.NONE))
  }

  #begin(what: GroupEvent['what'], offset: number): GroupEvent {
    const sentAtMs = performance.now()
    const event = { what, offset, sentAtMs, answeredAtMs: Number.POSITIVE_INFINITY, isDone: false }
    this.#history.events.push(event)
    return event
  }

  #end(event: GroupEvent, errorCode: number): boolean {
    event.answeredAtMs = performance.now()
    event.isDone = errorCode === ErrorCode.NONE
    return event.isDone
  }
}
