/**
 * The metadata store that all machines share, as etcd is: revisions, transactions with compares, watches, leases,
 * compaction. Each machine has a client of its own, whose requests and answers may be late or lost, so that the
 * outcome of a transaction may be unknown either way, and may still come about after its sender has given up.
 */
import {
  type MetadataChange,
  type MetadataEntry,
  type MetadataLeases,
  MetadataOutcomeUnknownError,
  type MetadataStore,
  type MetadataTxn,
  MetadataUnavailableError,
  type MetadataWatch,
} from '../../lib/cluster/index.js'
import { MetadataCompactedError, type MetadataTxnResult } from '../../lib/cluster/store/metadata-store.js'
import type { VirtualNetwork } from './virtual-network.js'
import type { Host, VirtualTime } from './virtual-time.js'

export interface StoreWeather {
  /** How often a request is lost, and an answer. */
  loss: number
  /** How often a request arrives only after its sender has given up. */
  delay: number
  /** How often a watch is late, and by how much at most. */
  watchDelay: number
  watchDelayMs: number
}

interface StoredEntry extends MetadataEntry {
  readonly lease: string | undefined
}

interface Lease {
  readonly ttlMs: number
  endsAt: number
}

const requestTimeoutMs = 1_500
const staleRestMs = 20
const retryMs = 100
/** Leases end a little late, and only when the store looks. */
const leaseCheckMs = 250
const longestDelayMs = 4_000

export class VirtualStore {
  readonly host: Host
  readonly weather: StoreWeather
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly entries = new Map<string, StoredEntry>()
  readonly leases = new Map<string, Lease>()
  readonly #clients = new Set<StoreClient>()
  #history: MetadataChange[] = []
  /** Changes up to it are gone. */
  #compactedRevision = 0
  #lastLease = 0
  revision = 0
  onChange: ((change: MetadataChange) => void) | undefined

  constructor(time: VirtualTime, network: VirtualNetwork, host: Host, weather: StoreWeather) {
    this.time = time
    this.network = network
    this.host = host
    this.weather = weather
    this.#scheduleLeaseCheck()
  }

  get compactedRevision(): number {
    return this.#compactedRevision
  }

  changeAfter(revision: number): MetadataChange | undefined {
    return this.#history[revision - (this.revision - this.#history.length)]
  }

  compact(): void {
    this.#compactedRevision = this.revision
    this.#history = []
  }

  client(host: Host): StoreClient {
    const client = new StoreClient(this, host)
    this.#clients.add(client)
    return client
  }

  forget(client: StoreClient): void {
    this.#clients.delete(client)
  }

  txn({ compares = [], puts = [], deletes = [] }: MetadataTxn): MetadataTxnResult {
    const succeeded =
      compares.every(({ key, modRevision }) => (this.entries.get(key)?.modRevision ?? 0) === modRevision) &&
      puts.every(({ lease }) => lease === undefined || this.leases.has(lease))
    if (succeeded) this.#commit(puts, deletes)
    return { succeeded, revision: this.revision }
  }

  grant(ttlMs: number): string {
    const id = String(++this.#lastLease)
    this.leases.set(id, { ttlMs, endsAt: this.time.now + ttlMs })
    return id
  }

  keepAlive(id: string): boolean {
    const lease = this.leases.get(id)
    if (lease) lease.endsAt = this.time.now + lease.ttlMs
    return lease !== undefined
  }

  revoke(id: string): void {
    if (!this.leases.delete(id)) return
    const keys = [...this.entries.values()].filter(({ lease }) => lease === id).map(({ key }) => key)
    if (keys.length > 0) this.#commit([], keys)
  }

  #commit(puts: NonNullable<MetadataTxn['puts']>, deletes: readonly string[]): void {
    const gone = deletes.filter((key) => this.entries.has(key))
    if (puts.length === 0 && gone.length === 0) return
    this.revision++
    const put = puts.map(({ key, value, lease }) => ({ key, value, modRevision: this.revision, lease }))
    for (const entry of put) this.entries.set(entry.key, entry)
    for (const key of gone) this.entries.delete(key)
    const change = { revision: this.revision, puts: put, deletes: gone }
    this.#history.push(change)
    this.onChange?.(change)
    for (const client of this.#clients) client.pump()
  }

  #scheduleLeaseCheck(): void {
    this.time.schedule(this.host, leaseCheckMs, 'leases', () => {
      for (const [id, { endsAt }] of [...this.leases]) if (endsAt <= this.time.now) this.revoke(id)
      this.#scheduleLeaseCheck()
    })
  }
}

interface Watch {
  told: number
  readonly prefix: string
  readonly listener: (change: MetadataChange) => void
  readonly onCompacted: (error: MetadataCompactedError) => void
  readonly waits: { revision: number; settle: (isReached: boolean) => void }[]
  isUnderWay: boolean
  isClosed: boolean
}

export class StoreClient implements MetadataStore {
  readonly maxTxnOperations = 128
  readonly leases: MetadataLeases
  readonly #store: VirtualStore
  readonly #host: Host
  readonly #generation: number
  readonly #watches: Watch[] = []

  constructor(store: VirtualStore, host: Host) {
    this.#store = store
    this.#host = host
    this.#generation = host.generation
    this.leases = {
      grant: async (ttlMs) => {
        const granted = Math.ceil(ttlMs / 1_000) * 1_000
        return { id: await this.#read(() => store.grant(granted)), ttlMs: granted }
      },
      keepAlive: (id, timeoutMs) => this.#read(() => store.keepAlive(id), timeoutMs),
      revoke: (id) => this.#read(() => store.revoke(id)),
    }
  }

  async get(key: string): Promise<MetadataEntry | undefined> {
    return this.#read(() => this.#store.entries.get(key))
  }

  range(prefix: string): Promise<{ entries: readonly MetadataEntry[]; revision: number }> {
    return this.#read(() => {
      const entries = [...this.#store.entries.values()].filter(({ key }) => key.startsWith(prefix))
      return { entries: entries.sort((a, b) => (a.key < b.key ? -1 : 1)), revision: this.#store.revision }
    })
  }

  async txn(txn: MetadataTxn): Promise<MetadataTxnResult> {
    const { result, standing } = await this.#call(
      () => ({
        result: this.#store.txn(txn),
        standing: (txn.compares ?? []).map(({ key }) => this.#store.entries.get(key)?.modRevision ?? 0),
      }),
      requestTimeoutMs,
      () => new MetadataOutcomeUnknownError('no answer came'),
    )
    // As with etcd: whoever hears of a transaction has been told of what it did, or of what stood in its way.
    if (result.succeeded) await this.#seen(result.revision)
    else {
      for (const [index, { modRevision }] of (txn.compares ?? []).entries()) {
        if (standing[index]! > 0) await this.#seen(standing[index]!)
        else if (modRevision !== 0) await delay(staleRestMs)
      }
    }
    return result
  }

  watch(
    prefix: string,
    afterRevision: number,
    listener: Watch['listener'],
    onCompacted: Watch['onCompacted'],
  ): MetadataWatch {
    const watch: Watch = {
      told: afterRevision,
      prefix,
      listener,
      onCompacted,
      waits: [],
      isUnderWay: false,
      isClosed: false,
    }
    this.#watches.push(watch)
    this.pump()
    return {
      close: () => {
        watch.isClosed = true
        this.#watches.splice(this.#watches.indexOf(watch), 1)
      },
    }
  }

  async close(): Promise<void> {
    this.#store.forget(this)
  }

  /** Sends each watch what comes next for it. */
  pump(): void {
    if (this.#host.generation !== this.#generation) {
      this.#store.forget(this)
      return
    }
    for (const watch of this.#watches) this.#pump(watch)
  }

  #pump(watch: Watch): void {
    const store = this.#store
    if (watch.isUnderWay || watch.isClosed || watch.told >= store.revision) return
    watch.isUnderWay = true
    const { random } = store.time
    const { watchDelay, watchDelayMs } = store.weather
    const lateBy = random.chance(watchDelay) ? random.next() * watchDelayMs : 0
    store.time.schedule(store.host, lateBy, 'watch', () => {
      const isWanted = () => !watch.isClosed && this.#host.generation === this.#generation
      store.network.carry(store.host, this.#host, 'watch', isWanted, () => {
        watch.isUnderWay = false
        this.#tell(watch)
        this.#pump(watch)
      })
    })
  }

  #tell(watch: Watch): void {
    const store = this.#store
    if (watch.told < store.compactedRevision) {
      watch.isClosed = true
      this.#watches.splice(this.#watches.indexOf(watch), 1)
      for (const { settle } of [...watch.waits]) settle(false)
      watch.onCompacted(new MetadataCompactedError('compacted'))
      return
    }
    const { revision, puts, deletes } = store.changeAfter(watch.told)!
    watch.told = revision
    const seen = {
      revision,
      puts: puts.filter(({ key }) => key.startsWith(watch.prefix)),
      deletes: deletes.filter((key) => key.startsWith(watch.prefix)),
    }
    if (seen.puts.length + seen.deletes.length > 0) watch.listener(seen)
    for (const wait of [...watch.waits]) if (wait.revision <= revision) wait.settle(true)
  }

  async #seen(revision: number): Promise<void> {
    const reached = await Promise.all(this.#watches.map((watch) => this.#reached(watch, revision)))
    if (reached.includes(false)) throw new MetadataOutcomeUnknownError('it has not come back in time')
  }

  #reached(watch: Watch, revision: number): Promise<boolean> {
    if (watch.told >= revision) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = setTimeout(() => wait.settle(false), requestTimeoutMs)
      const wait = {
        revision,
        settle: (isReached: boolean) => {
          clearTimeout(timer)
          watch.waits.splice(watch.waits.indexOf(wait), 1)
          resolve(isReached)
        },
      }
      watch.waits.push(wait)
    })
  }

  /** What may be asked twice is asked again until time is over. */
  async #read<T>(work: () => T, timeoutMs = requestTimeoutMs): Promise<T> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const left = Math.max(1, deadline - performance.now())
      try {
        return await this.#call(
          work,
          Math.min(left, timeoutMs / 2),
          () => new MetadataUnavailableError('no answer'),
        )
      } catch (error) {
        if (performance.now() + retryMs >= deadline) throw error
        await delay(retryMs)
      }
    }
  }

  #call<T>(work: () => T, timeoutMs: number, timedOut: () => Error): Promise<T> {
    const { time, network, host: there, weather } = this.#store
    const { random } = time
    const here = this.#host
    return new Promise((resolve, reject) => {
      let isOver = false
      const timer = setTimeout(() => {
        isOver = true
        reject(timedOut())
      }, timeoutMs)
      if (random.chance(weather.loss)) return
      const lateBy = random.chance(weather.delay) ? random.next() * longestDelayMs : 0
      const arrive = () => {
        const answer = work()
        if (random.chance(weather.loss)) return
        network.carry(
          there,
          here,
          'store answers',
          () => !isOver && here.generation === this.#generation,
          () => {
            if (isOver) return
            isOver = true
            clearTimeout(timer)
            resolve(answer)
          },
        )
      }
      // What is on the way arrives though its sender has given up, or died.
      const travel = (ms: number) => {
        time.schedule(there, ms, 'store', () => {
          if (network.isCut(here, there) && !isOver) travel(50)
          else if (!network.isCut(here, there)) arrive()
        })
      }
      travel(network.latency() + lateBy)
    })
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}
