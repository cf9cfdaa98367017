/**
 * What follows from the records of a partition's log and is kept beside them: producer state, leader epochs,
 * transactions. Brought up to date by every append, cut with the log, restored at its start from snapshots and from
 * the batch headers behind them.
 */
import type { Logger } from 'pino'
import { LEADER_EPOCH_CHECKPOINT } from '../log/log-file-names.js'
import type { NativeLog } from '../native/types.js'
import { readBatches, readScannedHeaders } from '../protocol/index.js'
import { type BatchIdentity, readBatchIdentity } from './batch-identity.js'
import { LeaderEpochCache } from './leader-epoch-cache.js'
import { LeaderEpochFile } from './leader-epoch-file.js'
import { PartitionTransactions } from './partition-transactions.js'
import { ProducerSnapshots } from './producer-snapshots.js'
import { ProducerState } from './producer-state.js'
import type { StorageEngine } from './storage-engine.js'

const headersPerScan = 4096
const noProducer = -1

export class DerivedState {
  readonly producers = new ProducerState()
  readonly transactions: PartitionTransactions
  readonly epochs: LeaderEpochCache
  readonly #folder: string
  readonly #engine: StorageEngine
  readonly #native: NativeLog
  readonly #snapshots: ProducerSnapshots
  readonly #epochFile: LeaderEpochFile
  /** Up to here producer state knows what was appended. */
  #appendedEnd: number
  /** Where the log rolled, ahead of what producer state knows. */
  #rolls: number[] = []

  private constructor(
    folder: string,
    engine: StorageEngine,
    native: NativeLog,
    epochFile: LeaderEpochFile,
    epochs: LeaderEpochCache,
    log: Logger,
  ) {
    this.#folder = folder
    this.#engine = engine
    this.#native = native
    this.#epochFile = epochFile
    this.epochs = epochs
    this.transactions = new PartitionTransactions(native, this.producers)
    this.#snapshots = new ProducerSnapshots(folder, engine.files, log)
    this.#appendedEnd = native.logEndOffset
  }

  /** Knows nothing of producers before `restore`. `names`: what lies in the folder. */
  static async open(
    folder: string,
    names: readonly string[],
    engine: StorageEngine,
    native: NativeLog,
    log: Logger,
  ): Promise<DerivedState> {
    const epochFile = new LeaderEpochFile(folder, engine.files, log)
    const epochs = names.includes(LEADER_EPOCH_CHECKPOINT) ? await epochFile.read() : new LeaderEpochCache()
    return new DerivedState(folder, engine, native, epochFile, epochs, log)
  }

  /** Brings it to the end of the log that was opened. */
  async restore(names: readonly string[]): Promise<void> {
    this.epochs.truncateFromEnd(Math.max(this.#native.logEndOffset, 1))
    await this.#restoreProducers(names)
  }

  /** A batch of this broker as the leader is in the log, from `baseOffset` on. */
  led(leaderEpoch: number, baseOffset: number): void {
    if (leaderEpoch > this.epochs.latestEpoch && this.epochs.assign(leaderEpoch, baseOffset))
      this.#writeEpochs()
  }

  /** Batches of another leader are in the log: their epochs. */
  followed(records: Uint8Array): void {
    let isNewEpoch = false
    for (const header of readBatches(records, 'strict')) {
      if (header.partitionLeaderEpoch > this.epochs.latestEpoch) {
        isNewEpoch = this.epochs.assign(header.partitionLeaderEpoch, Number(header.baseOffset)) || isNewEpoch
      }
    }
    if (isNewEpoch) this.#writeEpochs()
  }

  /** What batches of another leader say of their producers. */
  async replay(records: Uint8Array): Promise<void> {
    for (const { producerId, start } of readBatches(records, 'strict')) {
      if (producerId === noProducer) continue
      const marker = this.#takeOver(readBatchIdentity(records, start))
      if (marker) await marker
    }
  }

  /** Producer state knows all below `end`: snapshots of where the log rolled can be taken. */
  reached(end: number): void {
    this.#appendedEnd = end
    while (this.#rolls.length > 0 && this.#rolls[0]! <= end) void this.#takeSnapshot(this.#rolls.shift()!)
  }

  /** The engine tells of a roll before the promises of the appends ahead of it have settled. */
  rolled(baseOffset: number): void {
    if (baseOffset <= this.#appendedEnd) void this.#takeSnapshot(baseOffset)
    else this.#rolls.push(baseOffset)
  }

  /** Nothing can be read below `offset` any more. */
  startRaised(offset: number): void {
    if (this.epochs.truncateFromStart(offset)) this.#writeEpochs()
  }

  /** After old segments went. */
  async dropSnapshots(): Promise<void> {
    await this.#snapshots.drop(this.#native.firstSegmentOffset)
  }

  /** After a cut: what was known of the records that went is forgotten. */
  async cut(): Promise<void> {
    const end = this.#native.logEndOffset
    if (this.epochs.truncateFromEnd(end)) this.#writeEpochs()
    this.#appendedEnd = end
    this.#rolls = []
    this.producers.clear()
    await this.#snapshots.settled()
    await this.#restoreProducers(await this.#engine.readNames(this.#folder))
  }

  /** For a clean stop: the next start then needs no scan. */
  snapshotAtEnd(): Promise<void> {
    return this.#takeSnapshot(this.#native.logEndOffset)
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await Promise.all([this.#epochFile.settled(), this.#snapshots.settled()])
  }

  /** Takes over what a batch that stands in the log says of its producer. */
  #takeOver(batch: BatchIdentity): Promise<void> | undefined {
    if (batch.isControl) return this.transactions.replay(batch)
    this.producers.replay(batch)
    return undefined
  }

  #writeEpochs(): void {
    this.#epochFile.write(this.epochs)
  }

  #takeSnapshot(offset: number): Promise<void> {
    return this.#snapshots.take(
      offset,
      this.producers,
      () => this.#native.firstSegmentOffset,
      () => this.#epochFile.settled(),
    )
  }

  /** From the newest whole snapshot and the headers behind it. */
  async #restoreProducers(names: readonly string[]): Promise<void> {
    const end = this.#native.logEndOffset
    // Snapshots above a transaction index that has to be made anew would skip what it is made of.
    const newest = await this.transactions.load(names)
    const first = this.#native.firstSegmentOffset
    let from = await this.#snapshots.restore(names, this.producers, { first, end, newest })
    let hasNewEpoch = false
    while (from < end) {
      const { headers, nextOffset } = await this.#native.scanHeaders(from, end, headersPerScan)
      for (const { start } of readScannedHeaders(headers)) {
        const batch = readBatchIdentity(headers, start)
        const marker = this.#takeOver(batch)
        if (marker) await marker
        if (batch.leaderEpoch > this.epochs.latestEpoch)
          hasNewEpoch = this.epochs.assign(batch.leaderEpoch, batch.baseOffset) || hasNewEpoch
      }
      if (nextOffset <= from) break
      from = nextOffset
    }
    // The next start may read less than this one, and would not know them.
    if (hasNewEpoch) this.#writeEpochs()
  }
}
