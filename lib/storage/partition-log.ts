/**
 * A partition's log as a broker needs it: the engine's log together with producer state, leader epochs and the log
 * start offset. Called on the event loop by replica/; whatever waits on a disk runs in the engine.
 *
 * INVARIANT: logStartOffset ≤ flushedOffset ≤ logEndOffset, but for a log start that DeleteRecords moved into what
 * is not flushed yet.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { TopicConfig } from '../config/index.js'
import { encodeCheckpoint, readCheckpoint } from '../log/checkpoint-file.js'
import {
  LEADER_EPOCH_CHECKPOINT,
  offsetFileName,
  offsetOfFileName,
  PRODUCER_SNAPSHOT_SUFFIX,
} from '../log/log-file-names.js'
import { files, openLog } from '../native/index.js'
import type {
  AppendResult,
  LogSettings,
  NativeLog,
  ReadOptions,
  ReadResult,
  SegmentInfo,
} from '../native/types.js'
import { BATCH_HEADER_SIZE, type ControlType, KafkaError } from '../protocol/index.js'
import { type AppendOutcome, AppendQueue, type Submission } from './append-queue.js'
import { readBatchIdentity } from './batch-identity.js'
import { checkClientBatch } from './client-batch.js'
import { toKafkaError } from './engine-errors.js'
import { LeaderEpochCache } from './leader-epoch-cache.js'
import { type CommittedRead, type OpenTransaction, PartitionTransactions } from './partition-transactions.js'
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.js'
import { ProducerState } from './producer-state.js'
import { recompress } from './recompress.js'

const headersPerScan = 4096

export interface PartitionLogOptions {
  folder: string
  topic: string
  partition: number
  config: TopicConfig
  /** From the recovery checkpoint; what lies below is on disk. −1: there is none. */
  recoveryPoint: number
  logStartOffset: number
  cleanShutdown: boolean
  log: Logger
}

export interface LeaderAppend {
  leaderEpoch: number
  /** `client`: one batch, checked as a produce request; `coordinator`: written by the broker itself. */
  origin: 'client' | 'coordinator'
  /** Ask for an fdatasync as soon as the batch is written. */
  flush: boolean
}

/** Told on the event loop, in the order in which things happen. */
export interface PartitionLogListener {
  onAppended(result: AppendResult, sizeInBytes: number): void
  onFlushed(flushedOffset: number): void
  onFailed(error: Error): void
}

export class PartitionLog {
  readonly folder: string
  readonly topic: string
  readonly partition: number
  readonly native: NativeLog
  readonly producers = new ProducerState()
  readonly transactions: PartitionTransactions
  readonly epochs: LeaderEpochCache
  listener: PartitionLogListener | undefined
  /** Set when the log has failed: it takes no writes until the broker is started again. */
  failure: Error | undefined
  #config: TopicConfig
  #logStartOffset: number
  readonly #log: Logger
  readonly #queue: AppendQueue
  #snapshots: number[] = []
  /** Up to here producer state knows what was appended. */
  #appendedEnd: number
  /** Where the log rolled, ahead of what producer state knows. */
  #rolls: number[] = []
  #rewriting: Promise<unknown> = Promise.resolve()
  #epochsWritten: Promise<void> = Promise.resolve()
  #snapshotsWritten: Promise<void> = Promise.resolve()

  private constructor(options: PartitionLogOptions, native: NativeLog, epochs: LeaderEpochCache) {
    this.folder = options.folder
    this.topic = options.topic
    this.partition = options.partition
    this.native = native
    this.transactions = new PartitionTransactions(native, this.producers)
    this.epochs = epochs
    this.#config = options.config
    this.#log = options.log
    this.#logStartOffset = Math.max(options.logStartOffset, native.firstSegmentOffset)
    this.#queue = new AppendQueue(native, this.producers, {
      onAppended: (result, by) => this.#appended(result, by),
    })
    native.onFlush = (flushedOffset) => this.listener?.onFlushed(flushedOffset)
    native.onFailure = (error) => this.#failed(error)
    this.#appendedEnd = native.logEndOffset
    native.onRoll = (baseOffset) => this.#rolled(baseOffset)
  }

  /** Opens the log, recovers it, and brings producer state and leader epochs up to its end. */
  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    const { folder, config, recoveryPoint, logStartOffset, cleanShutdown } = options
    const native = await openLog(folder, {
      ...logSettings(config),
      recoveryPoint,
      cleanShutdown,
      logStartOffset,
    })
    const log = new PartitionLog(options, native, await readEpochs(folder, options.log))
    await log.#replay()
    return log
  }

  get config(): TopicConfig {
    return this.#config
  }

  /** First offset that consumers may read. */
  get logStartOffset(): number {
    return this.#logStartOffset
  }

  get logEndOffset(): number {
    return this.native.logEndOffset
  }

  get flushedOffset(): number {
    return this.native.flushedOffset
  }

  get sizeInBytes(): number {
    return this.native.sizeInBytes
  }

  configure(config: TopicConfig): void {
    this.#config = config
    this.native.configure(logSettings(config))
  }

  /**
   * Appends as the partition's leader. Resolves when the records are in the page cache; rejects with a KafkaError
   * (CORRUPT_MESSAGE, INVALID_RECORD, OUT_OF_ORDER_SEQUENCE_NUMBER, KAFKA_STORAGE_ERROR, ...), and nothing of them
   * is stored then. `records` belongs to the log until then.
   */
  async appendAsLeader(
    records: Uint8Array,
    { leaderEpoch, origin, flush }: LeaderAppend,
  ): Promise<AppendOutcome> {
    this.#requireWritable()
    const batch = origin === 'client' ? checkClientBatch(records, this.#config) : readBatchIdentity(records)
    const options = { leaderEpoch, origin: origin === 'client' ? 'leader' : 'coordinator', flush } as const
    if (origin === 'client' && this.#config.compressionType !== 'producer') {
      // Rewriting takes turns, so that batches reach the queue in the order in which they came.
      const turn = this.#rewriting.then(() => recompress(records, this.#config))
      this.#rewriting = turn.catch(() => {})
      const rewritten = await turn
      return this.#queue.append({ records: rewritten, batch, options })
    }
    return this.#queue.append({ records, batch, options })
  }

  /**
   * Ends a transaction that was left open, as a coordinator does. Resolves when the marker is in the page cache and
   * the transaction's records are known as committed or aborted.
   */
  async endTransaction(
    transaction: OpenTransaction,
    type: ControlType,
    producerEpoch: number,
    leaderEpoch: number,
  ): Promise<void> {
    this.#requireWritable()
    const records = this.transactions.marker(type, transaction, producerEpoch)
    const batch = readBatchIdentity(records)
    const options = { leaderEpoch, origin: 'coordinator', flush: true } as const
    const { baseOffset, lastOffset } = await this.#queue.append({ records, batch, options })
    await this.transactions.ended({ ...batch, baseOffset, lastOffset }, type, transaction)
  }

  /** As `read`, with the aborted transactions among what is read where there are any. */
  readCommitted(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult | CommittedRead> {
    if (this.transactions.hasNoneAborted) return this.read(offset, options)
    this.#requireWithin(offset)
    return this.transactions.readCommitted(offset, options).catch(rethrow)
  }

  /** A range of whole batches from the one that holds `offset`. Throws OFFSET_OUT_OF_RANGE outside the log. */
  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult> {
    this.#requireWithin(offset)
    try {
      const result = this.native.read(offset, options)
      return result instanceof Promise ? result.catch(rethrow) : result
    } catch (error) {
      throw toKafkaError(error)
    }
  }

  /** Oldest first. */
  segments(): SegmentInfo[] {
    return this.native.segments()
  }

  roll(): Promise<number> {
    return this.native.roll()
  }

  /** Raises the log start offset; what lies below can no longer be read. False when it is there already. */
  raiseLogStartOffset(offset: number): boolean {
    if (offset <= this.#logStartOffset) return false
    this.#logStartOffset = offset
    if (this.epochs.truncateFromStart(offset)) this.#writeEpochs()
    return true
  }

  /** Deletes the sealed segments that lie wholly below the log start offset. */
  async deleteOldSegments(): Promise<number> {
    const deleted = await this.native.deleteSegmentsBefore(this.#logStartOffset).catch(rethrow)
    if (deleted > 0) await this.#dropSnapshots(this.native.firstSegmentOffset)
    return deleted
  }

  /** Writes what a clean stop leaves: all on disk, and producer state that needs no scan. */
  async close(): Promise<void> {
    await this.#rewriting
    if (!this.failure) {
      await this.native.flush()
      await this.#takeSnapshot(this.logEndOffset)
    }
    await Promise.all([this.#epochsWritten, this.#snapshotsWritten])
    await this.native.close()
  }

  /** Removes the log from disk; the folder is renamed before this resolves and emptied behind it. */
  async remove(): Promise<void> {
    this.failure ??= new KafkaError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `${this.topic}-${this.partition} was deleted.`,
    )
    await Promise.all([this.#epochsWritten, this.#snapshotsWritten])
    await this.native.remove()
  }

  #requireWritable(): void {
    if (this.failure) throw toKafkaError(this.failure)
  }

  #requireWithin(offset: number): void {
    if (offset >= this.#logStartOffset && offset <= this.logEndOffset) return
    throw new KafkaError(
      'OFFSET_OUT_OF_RANGE',
      `Offset ${offset} lies outside ${this.#logStartOffset}–${this.logEndOffset} of ${this.topic}-${this.partition}.`,
    )
  }

  #appended(result: AppendResult, { options, records }: Submission): void {
    if (
      options.leaderEpoch > this.epochs.latestEpoch &&
      this.epochs.assign(options.leaderEpoch, result.baseOffset)
    ) {
      this.#writeEpochs()
    }
    this.#appendedEnd = result.lastOffset + 1
    while (this.#rolls.length > 0 && this.#rolls[0]! <= this.#appendedEnd) {
      void this.#takeSnapshot(this.#rolls.shift()!)
    }
    this.listener?.onAppended(result, records.byteLength)
  }

  /** The engine tells of a roll before the promises of the appends ahead of it have settled. */
  #rolled(baseOffset: number): void {
    if (baseOffset <= this.#appendedEnd) void this.#takeSnapshot(baseOffset)
    else this.#rolls.push(baseOffset)
  }

  #failed(error: Error): void {
    this.failure ??= error
    this.listener?.onFailed(error)
  }

  /** One write at a time; a failure is no loss, since every batch carries its epoch. */
  #writeEpochs(): void {
    this.#epochsWritten = this.#epochsWritten
      .then(() => {
        const lines = this.epochs.entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)
        return files.writeAtomically(join(this.folder, LEADER_EPOCH_CHECKPOINT), encodeCheckpoint(lines))
      })
      .catch((error: unknown) => {
        this.#log.warn({ err: error, folder: this.folder }, 'leader epochs could not be written')
      })
  }

  /** Of producer state as it is now; one write at a time, the oldest first. */
  #takeSnapshot(offset: number): Promise<void> {
    const bytes = encodeProducerSnapshot(this.producers.summaries(offset))
    this.#snapshotsWritten = this.#snapshotsWritten.then(() => this.#writeSnapshot(offset, bytes))
    return this.#snapshotsWritten
  }

  async #writeSnapshot(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#snapshots.at(-1) === offset) return
    try {
      await files.writeAtomically(join(this.folder, offsetFileName(offset, PRODUCER_SNAPSHOT_SUFFIX)), bytes)
      this.#snapshots.push(offset)
      await this.#dropSnapshots(this.native.firstSegmentOffset)
    } catch (error) {
      this.#log.warn({ err: error, folder: this.folder, offset }, 'producer state could not be written')
    }
  }

  /** Keeps the newest snapshot and those that stand at or above `offset`. */
  async #dropSnapshots(offset: number): Promise<void> {
    const newest = Math.max(-1, ...this.#snapshots)
    const dropped = this.#snapshots.filter((at) => at < offset && at !== newest)
    this.#snapshots = this.#snapshots.filter((at) => !dropped.includes(at))
    for (const at of dropped) {
      await files.remove(join(this.folder, offsetFileName(at, PRODUCER_SNAPSHOT_SUFFIX)))
    }
  }

  /** Restores producer state from the newest whole snapshot and the headers behind it. */
  async #replay(): Promise<void> {
    const end = this.native.logEndOffset
    this.epochs.truncateFromEnd(Math.max(end, 1))
    const names = await readdir(this.folder)
    const found = names.map((name) => offsetOfFileName(name, PRODUCER_SNAPSHOT_SUFFIX))
    this.#snapshots = found.filter((offset) => offset !== undefined).sort((a, b) => a - b)
    // Snapshots above a transaction index that has to be made anew would skip what it is made of.
    const newest = await this.transactions.load(names)
    let from = this.native.firstSegmentOffset
    for (const offset of this.#snapshots.toReversed()) {
      if (offset > newest) continue
      const path = join(this.folder, offsetFileName(offset, PRODUCER_SNAPSHOT_SUFFIX))
      const producers = offset <= end ? decodeProducerSnapshot(await files.read(path)) : null
      if (producers) {
        for (const producer of producers) this.producers.restore(producer)
        from = Math.max(from, offset)
        break
      }
      // Taken of a tail that was cut, or torn.
      await files.remove(path)
      this.#snapshots = this.#snapshots.filter((each) => each !== offset)
    }
    while (from < end) {
      const { count, headers, nextOffset } = await this.native.scanHeaders(from, end, headersPerScan)
      for (let i = 0; i < count; i++) {
        const batch = readBatchIdentity(headers, i * BATCH_HEADER_SIZE)
        if (batch.isControl) await this.transactions.replay(batch)
        else this.producers.replay(batch)
        if (batch.leaderEpoch > this.epochs.latestEpoch)
          this.epochs.assign(batch.leaderEpoch, batch.baseOffset)
      }
      if (nextOffset <= from) break
      from = nextOffset
    }
  }
}

/** The engine's settings of a topic. */
export function logSettings(config: TopicConfig): LogSettings {
  return {
    segmentBytes: config.segmentBytes,
    segmentMs: segmentMsOf(config),
    indexIntervalBytes: config.indexIntervalBytes,
    segmentIndexBytes: config.segmentIndexBytes,
    maxMessageBytes: config.maxMessageBytes,
    timestampType: config.messageTimestampType,
    timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
    requireKey: config.compact,
    flushMessages: config.flushMessages,
    flushMs: config.flushMs,
  }
}

/** What must be compacted by some age must not wait in the active segment any longer. */
function segmentMsOf({ compact, maxCompactionLagMs, segmentMs, segmentJitterMs }: TopicConfig): number {
  const longest = compact ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs
  return longest - Math.floor(Math.random() * Math.min(segmentJitterMs, longest))
}

async function readEpochs(folder: string, log: Logger): Promise<LeaderEpochCache> {
  try {
    const lines = await readCheckpoint(files, join(folder, LEADER_EPOCH_CHECKPOINT))
    return new LeaderEpochCache(
      lines.map((line) => {
        const [epoch, startOffset] = line.split(' ').map(Number)
        return { epoch: epoch!, startOffset: startOffset! }
      }),
    )
  } catch (error) {
    log.warn({ err: error, folder }, 'leader epochs are read from the log instead')
    return new LeaderEpochCache()
  }
}

function rethrow(error: unknown): never {
  throw toKafkaError(error)
}
