/** The fetchers of a broker: `num.replica.fetchers` for each leader that it follows, each with its share. */
import type { Logger } from 'pino'
import { FetchedPartition } from './fetched-partition.js'
import type { LeaderAddress, LeaderDialler } from './leader-connection.js'
import type { Partition } from './partition.js'
import { type FetcherSettings, ReplicaFetcher } from './replica-fetcher.js'
import type { ReplicationQuota } from './replication-quota.js'

export interface FetchersEnvironment {
  readonly nodeId: number
  readonly settings: FetcherSettings & { readonly fetchersPerLeader: number }
  readonly dialLeader: LeaderDialler
  /** Of what throttled replicas of this broker fetch. */
  readonly quota: ReplicationQuota
  brokerEpoch(): number
  addressOf(brokerId: number): LeaderAddress | undefined
}

export class ReplicaFetchers {
  readonly #environment: FetchersEnvironment
  readonly #log: Logger
  readonly #writeCheckpoints: () => Promise<void>
  readonly #fetchers = new Map<string, ReplicaFetcher>()
  /** Which fetcher has a partition, and of which epoch. */
  readonly #assigned = new Map<Partition, { name: string; key: string; leaderEpoch: number }>()
  #closed = false

  constructor(environment: FetchersEnvironment, log: Logger, writeCheckpoints: () => Promise<void>) {
    this.#environment = environment
    this.#log = log
    this.#writeCheckpoints = writeCheckpoints
  }

  /** Fetches the partition from `leaderId` in the epoch that it follows now. Nothing happens where it is so already. */
  async add(partition: Partition, leaderId: number): Promise<void> {
    const { leaderEpoch } = partition
    const lane = partition.partition % this.#environment.settings.fetchersPerLeader
    const name = `${leaderId}/${lane}`
    const assigned = this.#assigned.get(partition)
    if (assigned?.leaderEpoch === leaderEpoch && assigned.name === name) return
    await this.remove(partition)
    if (this.#closed) return
    const fetched = new FetchedPartition(partition, this.#log, this.#writeCheckpoints)
    this.#assigned.set(partition, { name, key: fetched.key, leaderEpoch })
    this.#fetcher(name, leaderId).add(fetched)
  }

  /** Resolves when nothing that was fetched of the partition is under way. */
  async remove(partition: Partition): Promise<void> {
    const assigned = this.#assigned.get(partition)
    if (!assigned) return
    this.#assigned.delete(partition)
    const fetcher = this.#fetchers.get(assigned.name)!
    await fetcher.remove(assigned.key)
    if (!fetcher.isEmpty || this.#fetchers.get(assigned.name) !== fetcher) return
    this.#fetchers.delete(assigned.name)
    await fetcher.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    const fetchers = [...this.#fetchers.values()]
    this.#fetchers.clear()
    this.#assigned.clear()
    await Promise.all(fetchers.map((fetcher) => fetcher.close()))
  }

  #fetcher(name: string, leaderId: number): ReplicaFetcher {
    let fetcher = this.#fetchers.get(name)
    if (!fetcher) {
      const { nodeId, settings, quota, dialLeader } = this.#environment
      fetcher = new ReplicaFetcher({
        nodeId,
        leaderId,
        settings,
        quota,
        dialLeader,
        log: this.#log,
        brokerEpoch: () => this.#environment.brokerEpoch(),
        address: () => this.#environment.addressOf(leaderId),
      })
      this.#fetchers.set(name, fetcher)
    }
    return fetcher
  }
}
