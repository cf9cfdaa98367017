/** Commits rising offsets for a group without members, and asks now and then what is committed. */
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode } from '../../lib/protocol/index.js'
import type { Random } from '../support/random.js'
import type { FaultCluster } from './fault-cluster.js'
import { commitOffset, dialCoordinator, fetchOffset } from './group-calls.js'
import type { GroupHistory } from './history.js'

const pauseMs = 30

export class Committer {
  readonly #cluster: FaultCluster
  readonly #random: Random
  readonly #history: GroupHistory
  #offset = 0

  constructor(cluster: FaultCluster, random: Random, history: GroupHistory) {
    this.#cluster = cluster
    this.#random = random
    this.#history = history
  }

  /** Until told to stop; then until one more commit was answered, and what is committed was told. */
  async run(isOver: () => boolean): Promise<void> {
    let isLast = false
    while (!isLast) {
      const wasOver = isOver()
      try {
        using connection = await dialCoordinator(this.#cluster, this.#random, this.#history.group)
        for (;;) {
          const error = await commitOffset(connection, this.#history, ++this.#offset)
          const isAsked = wasOver || this.#random.chance(0.3)
          const isTold = !isAsked || (await fetchOffset(connection, this.#history)) !== undefined
          if (error !== ErrorCode.NONE || !isTold) break
          isLast = wasOver
          if (isLast || isOver()) break
          await delay(pauseMs)
        }
      } catch {}
      await delay(pauseMs)
    }
  }
}
