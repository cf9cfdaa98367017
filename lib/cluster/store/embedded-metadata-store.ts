/**
 * The metadata store of a broker that runs alone: a log of the engine's own, and all of it in memory. Each batch of
 * the log holds one transaction or a piece of a snapshot. When the log has grown well beyond what is alive, a
 * snapshot is appended to a new segment and the segments before it go.
 *
 * DURABILITY: a transaction is fsynced before it resolves, and before any watch or read sees it. What many ask for
 * at once shares an fsync. After a failed append or fsync every later transaction fails: what is on disk is unknown
 * until the store is opened again.
 *
 * A crash while a snapshot is written leaves the old segments, and the piece that was written repeats what they say.
 */

import type { LogSettings, NativeLog, OpenLogOptions } from '../../native/types.js'
import { KafkaError } from '../../protocol/index.js'
import { decodeValues, encodeValue } from './metadata-batch.js'
import {
  type MetadataChange,
  MetadataCompactedError,
  type MetadataEntry,
  type MetadataStore,
  type MetadataTxn,
  type MetadataTxnResult,
  type MetadataWatch,
} from './metadata-store.js'

export type OpenLog = (path: string, options: OpenLogOptions) => Promise<NativeLog>

/** A transaction, or, with `s`, a piece of a snapshot: key, value and the revision that wrote it. */
type StoredBatch =
  | { r: number; p: [key: string, value: string][]; d: string[] }
  | { r: number; s: [key: string, value: string, modRevision: number][] }

interface Queued {
  readonly txn: MetadataTxn
  readonly resolve: (result: MetadataTxnResult) => void
  readonly reject: (error: unknown) => void
}

interface Watcher {
  readonly prefix: string
  readonly listener: (change: MetadataChange) => void
}

/** Below this size a log is never worth rewriting. */
const MIN_SNAPSHOT_BYTES = 1024 * 1024
/** A log is rewritten when it is this many times as large as what is alive in it. */
const SNAPSHOT_FACTOR = 4
/** Size of one batch of a snapshot, and of one read while opening. */
const PIECE_BYTES = 512 * 1024
/** What an entry takes beside its key and value. */
const ENTRY_OVERHEAD = 32
/** Changes that a watch can still start behind. */
const HISTORY = 1000

const logSettings: LogSettings = {
  segmentBytes: 2 ** 31 - 1,
  segmentMs: Number.POSITIVE_INFINITY,
  indexIntervalBytes: 4096,
  segmentIndexBytes: 1024 * 1024,
  maxMessageBytes: 2 ** 31 - 1,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: Number.POSITIVE_INFINITY,
  requireKey: false,
  flushMessages: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
}

export class EmbeddedMetadataStore implements MetadataStore {
  readonly maxTxnOperations = Number.POSITIVE_INFINITY
  readonly #log: NativeLog
  readonly #minSnapshotBytes: number
  readonly #entries = new Map<string, MetadataEntry>()
  readonly #watchers = new Set<Watcher>()
  readonly #history: MetadataChange[] = []
  #liveBytes = 0
  #revision = 0
  #queue: Queued[] = []
  #working: Promise<void> | undefined
  #failure: KafkaError | undefined

  private constructor(log: NativeLog, minSnapshotBytes: number) {
    this.#log = log
    this.#minSnapshotBytes = minSnapshotBytes
  }

  /** Opens the store in the folder `path`, which is made where it is absent. */
  static async open(
    path: string,
    openLog: OpenLog,
    { minSnapshotBytes = MIN_SNAPSHOT_BYTES }: { minSnapshotBytes?: number } = {},
  ): Promise<EmbeddedMetadataStore> {
    // The log is small, so that scanning it all costs little, and no checkpoint has to be trusted.
    const log = await openLog(path, {
      ...logSettings,
      recoveryPoint: 0,
      cleanShutdown: false,
      logStartOffset: 0,
    })
    const store = new EmbeddedMetadataStore(log, minSnapshotBytes)
    try {
      await store.#load()
    } catch (error) {
      await log.close()
      throw error
    }
    return store
  }

  /** Bytes at the end of the log that were cut when it was opened: what a crash broke off. */
  get truncatedBytes(): number {
    return this.#log.recovery.truncatedBytes
  }

  get revision(): number {
    return this.#revision
  }

  async get(key: string): Promise<MetadataEntry | undefined> {
    return this.#entries.get(key)
  }

  async range(prefix: string): Promise<{ entries: readonly MetadataEntry[]; revision: number }> {
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix))
    entries.sort((a, b) => (a.key < b.key ? -1 : 1))
    return { entries, revision: this.#revision }
  }

  txn(txn: MetadataTxn): Promise<MetadataTxnResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#queue.push({ txn, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  watch(prefix: string, afterRevision: number, listener: (change: MetadataChange) => void): MetadataWatch {
    const missed = this.#history.filter(({ revision }) => revision > afterRevision)
    if (missed.length < this.#revision - afterRevision) {
      throw new MetadataCompactedError(`changes after revision ${afterRevision} are no longer known`)
    }
    const watcher = { prefix, listener }
    this.#watchers.add(watcher)
    for (const change of missed) tell(watcher, change)
    return { close: () => this.#watchers.delete(watcher) }
  }

  async close(): Promise<void> {
    this.#failure ??= new KafkaError('KAFKA_STORAGE_ERROR', 'The metadata store is closed')
    await this.#working
    await this.#log.close()
  }

  async #work(): Promise<void> {
    // What the same turn of the event loop asks for shares an fsync.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const round = this.#queue
      this.#queue = []
      try {
        await this.#commit(round)
        if (this.#log.sizeInBytes > Math.max(this.#minSnapshotBytes, SNAPSHOT_FACTOR * this.#liveBytes)) {
          await this.#snapshot()
        }
      } catch (error) {
        this.#failure = new KafkaError('KAFKA_STORAGE_ERROR', 'The metadata store cannot be written', {
          cause: error,
        })
        for (const { reject } of [...round, ...this.#queue]) reject(this.#failure)
        this.#queue = []
      }
    }
    this.#working = undefined
  }

  /** Decides each transaction against what the ones before it leave, writes those that hold, then shows them. */
  async #commit(round: readonly Queued[]): Promise<void> {
    const pending = new Map<string, number>()
    const decided: { queued: Queued; change: MetadataChange | undefined; revision: number }[] = []
    let revision = this.#revision
    const appends: Promise<unknown>[] = []
    for (const queued of round) {
      const { compares = [], puts = [], deletes = [] } = queued.txn
      const holds = compares.every(
        ({ key, modRevision }) =>
          (pending.get(key) ?? this.#entries.get(key)?.modRevision ?? 0) === modRevision,
      )
      if (!holds) {
        decided.push({ queued, change: undefined, revision })
        continue
      }
      revision++
      const modRevision = revision
      for (const { key } of puts) pending.set(key, modRevision)
      for (const key of deletes) pending.set(key, 0)
      appends.push(
        this.#append({ r: revision, p: puts.map(({ key, value }) => [key, value]), d: [...deletes] }),
      )
      const entries = puts.map(({ key, value }) => ({ key, value, modRevision }))
      decided.push({ queued, change: { revision, puts: entries, deletes }, revision })
    }
    if (appends.length > 0) {
      await Promise.all(appends)
      await this.#log.flush()
    }
    for (const { queued, change, revision } of decided) {
      if (change !== undefined) this.#show(change)
      queued.resolve({ succeeded: change !== undefined, revision })
    }
  }

  #append(batch: StoredBatch): Promise<unknown> {
    return this.#log.append(encodeValue(JSON.stringify(batch)), {
      leaderEpoch: 0,
      refusalsSeen: 0,
      origin: 'leader',
      flush: 'none',
    })
  }

  #show(change: MetadataChange): void {
    this.#revision = change.revision
    for (const entry of change.puts) this.#put(entry)
    for (const key of change.deletes) this.#delete(key)
    this.#history.push(change)
    if (this.#history.length > HISTORY) this.#history.shift()
    for (const watcher of [...this.#watchers]) tell(watcher, change)
  }

  /** Everything that is alive goes into a new segment; once that is on disk, what lies before it goes. */
  async #snapshot(): Promise<void> {
    const firstOffset = await this.#log.roll()
    let piece: [string, string, number][] = []
    let bytes = 0
    for (const { key, value, modRevision } of this.#entries.values()) {
      piece.push([key, value, modRevision])
      bytes += entryBytes(key, value)
      if (bytes >= PIECE_BYTES) {
        await this.#append({ r: this.#revision, s: piece })
        piece = []
        bytes = 0
      }
    }
    await this.#append({ r: this.#revision, s: piece })
    await this.#log.flush()
    await this.#log.deleteSegmentsBefore(firstOffset)
  }

  async #load(): Promise<void> {
    let offset = this.#log.firstSegmentOffset
    while (offset < this.#log.logEndOffset) {
      const bytes = await this.#log.readBytes(offset, {
        maxBytes: PIECE_BYTES,
        minOneBatch: true,
        maxOffset: this.#log.logEndOffset,
      })
      const { values, nextOffset } = decodeValues(bytes)
      if (nextOffset <= offset) throw new Error(`the metadata log cannot be read at offset ${offset}`)
      offset = nextOffset
      for (const value of values) this.#replay(JSON.parse(value) as StoredBatch)
    }
  }

  #replay(batch: StoredBatch): void {
    this.#revision = batch.r
    if ('s' in batch) {
      for (const [key, value, modRevision] of batch.s) this.#put({ key, value, modRevision })
      return
    }
    for (const [key, value] of batch.p) this.#put({ key, value, modRevision: batch.r })
    for (const key of batch.d) this.#delete(key)
  }

  #put(entry: MetadataEntry): void {
    this.#delete(entry.key)
    this.#entries.set(entry.key, entry)
    this.#liveBytes += entryBytes(entry.key, entry.value)
  }

  #delete(key: string): void {
    const old = this.#entries.get(key)
    if (old === undefined) return
    this.#entries.delete(key)
    this.#liveBytes -= entryBytes(key, old.value)
  }
}

function entryBytes(key: string, value: string): number {
  return key.length + value.length + ENTRY_OVERHEAD
}

/** Leaves out what the watcher does not look at, and the change where nothing is left. */
function tell({ prefix, listener }: Watcher, change: MetadataChange): void {
  const puts = change.puts.filter(({ key }) => key.startsWith(prefix))
  const deletes = change.deletes.filter((key) => key.startsWith(prefix))
  if (puts.length > 0 || deletes.length > 0) listener({ revision: change.revision, puts, deletes })
}
