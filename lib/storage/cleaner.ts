/**
 * The log cleaner of a data folder: compacts the log with the largest dirty share, one after another, beside the
 * traffic. Owned by the broker.
 *
 * A log that cannot be cleaned is marked, logged and shown by `uncleanable`; the others go on. How far each log was
 * cleaned is kept in `cleaner-offset-checkpoint`.
 */
import { join } from 'node:path'
import type { Logger } from 'pino'
import {
  CorruptCheckpointError,
  readPartitionOffsets,
  writePartitionOffsets,
} from '../log/checkpoint-file.js'
import {
  type CleanableLog,
  type CleanableRange,
  cleanableRange,
  dirtyRatio,
  isDue,
} from '../log/cleanable-log.js'
import { CleaningSupersededError, type CompactionResult, compact } from '../log/compaction.js'
import { IoThrottle } from '../log/io-throttle.js'
import { CLEANER_OFFSET_CHECKPOINT, partitionFolderName } from '../log/log-file-names.js'
import type { Files } from '../native/types.js'
import { sleep } from '../time/index.js'

/** Read anew whenever they are used, so that they can change while the cleaner runs. */
export interface CleanerSettings {
  /** `log.cleaner.backoff.ms`: pause when no log is due. */
  readonly backoffMs: number
  /** `log.cleaner.dedupe.buffer.size`. */
  readonly dedupeBufferSize: number
  /** `log.cleaner.io.max.bytes.per.second`, read and written; Infinity: no bound. */
  readonly ioMaxBytesPerSecond: number
}

export interface LogCleanerOptions {
  readonly dataDir: string
  readonly files: Files
  readonly settings: CleanerSettings
  /** The logs of the data folder; those without `compact` are passed over. */
  readonly logs: () => Iterable<CleanableLog>
  readonly log: Logger
  /** The wall clock, for lags and tombstones. */
  readonly now?: () => number
}

export interface UncleanablePartition {
  readonly topic: string
  readonly partition: number
  readonly error: Error
}

interface Cleaning {
  readonly folder: string
  readonly abort: AbortController
  readonly done: Promise<unknown>
}

export class LogCleaner {
  readonly #options: LogCleanerOptions
  readonly #log: Logger
  readonly #now: () => number
  readonly #closing = new AbortController()
  readonly #throttle: IoThrottle
  readonly #cleanedUpTo: Map<string, { topic: string; partition: number; offset: number }>
  readonly #uncleanable = new Map<string, UncleanablePartition>()
  readonly #paused = new Map<string, number>()
  #cleaning: Cleaning | undefined
  #loop: Promise<void> | undefined
  #written: Promise<void> = Promise.resolve()

  private constructor(options: LogCleanerOptions, checkpoint: readonly CheckpointEntry[]) {
    this.#options = options
    this.#log = options.log
    this.#now = options.now ?? Date.now
    this.#throttle = new IoThrottle(() => options.settings.ioMaxBytesPerSecond)
    this.#cleanedUpTo = new Map(checkpoint.map((entry) => [folderOf(entry), { ...entry }]))
  }

  /** Reads the checkpoint; a corrupt one means that all logs are cleaned from their start again. */
  static async open(options: LogCleanerOptions): Promise<LogCleaner> {
    const path = join(options.dataDir, CLEANER_OFFSET_CHECKPOINT)
    let checkpoint: CheckpointEntry[] = []
    try {
      checkpoint = await readPartitionOffsets(options.files, path)
    } catch (error) {
      if (!(error instanceof CorruptCheckpointError)) throw error
      options.log.warn({ err: error }, 'the cleaner starts over: its checkpoint is corrupt')
    }
    return new LogCleaner(options, checkpoint)
  }

  /** Cleans whatever is due from now on, until `close`. */
  start(): void {
    this.#loop ??= this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#cleaning?.abort.abort()
    await this.#cleaning?.done.catch(() => {})
    await this.#loop
    await this.#written
  }

  /** Partitions that could not be cleaned since the start, and why. */
  get uncleanable(): readonly UncleanablePartition[] {
    return [...this.#uncleanable.values()]
  }

  /** Up to where the log was cleaned; undefined when it never was. */
  cleanedUpTo(topic: string, partition: number): number | undefined {
    return this.#cleanedUpTo.get(partitionFolderName(topic, partition))?.offset
  }

  /** Stops a cleaning of the partition that is under way and starts none until the returned function is called. */
  async pause(topic: string, partition: number): Promise<() => void> {
    const folder = partitionFolderName(topic, partition)
    this.#paused.set(folder, (this.#paused.get(folder) ?? 0) + 1)
    await this.#abort(folder)
    let resumed = false
    return () => {
      if (resumed) return
      resumed = true
      const left = this.#paused.get(folder)! - 1
      if (left === 0) this.#paused.delete(folder)
      else this.#paused.set(folder, left)
    }
  }

  /** The partition is being deleted: stops its cleaning and forgets what is known of it. */
  async forget(topic: string, partition: number): Promise<void> {
    const folder = partitionFolderName(topic, partition)
    const resume = await this.pause(topic, partition)
    this.#uncleanable.delete(folder)
    if (this.#cleanedUpTo.delete(folder)) await this.#writeCheckpoint()
    resume()
  }

  /** Cleans the log that needs it most; resolves with what was done, or undefined when none is due. */
  async cleanOne(): Promise<CompactionResult | undefined> {
    const range = await this.#filthiest()
    if (range === undefined) return undefined
    const { topic, partition } = range.log
    const folder = partitionFolderName(topic, partition)
    // Another may have paused it while the others were looked at.
    if (this.#paused.has(folder)) return undefined
    const abort = new AbortController()
    const done = compact(range, {
      keyMapBytes: this.#options.settings.dedupeBufferSize,
      throttle: this.#throttle,
      signal: AbortSignal.any([abort.signal, this.#closing.signal]),
      nowMs: this.#now(),
    })
    this.#cleaning = { folder, abort, done }
    try {
      const result = await done
      this.#cleanedUpTo.set(folder, { topic, partition, offset: result.endOffset })
      await this.#writeCheckpoint()
      this.#log.debug({ partition: folder, ...result }, 'log cleaned')
      return result
    } catch (error) {
      this.#failed(range.log, error)
      return undefined
    } finally {
      this.#cleaning = undefined
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      let cleaned: CompactionResult | undefined
      try {
        cleaned = await this.cleanOne()
      } catch (error) {
        this.#log.error({ err: error }, 'the cleaner could not write its checkpoint')
      }
      if (cleaned !== undefined) continue
      await sleep(this.#options.settings.backoffMs, { signal, ref: false }).catch(() => {})
    }
  }

  async #filthiest(): Promise<CleanableRange | undefined> {
    let filthiest: CleanableRange | undefined
    for (const log of [...this.#options.logs()]) {
      const folder = partitionFolderName(log.topic, log.partition)
      if (!log.config.compact || log.isFailed || this.#uncleanable.has(folder) || this.#paused.has(folder)) {
        continue
      }
      try {
        const range = await cleanableRange(log, this.#cleanedUpTo.get(folder)?.offset, this.#now())
        if (!isDue(range)) continue
        if (filthiest === undefined || dirtyRatio(range) > dirtyRatio(filthiest)) filthiest = range
      } catch (error) {
        this.#failed(log, error)
      }
    }
    return filthiest
  }

  #failed(log: CleanableLog, error: unknown): void {
    const { topic, partition } = log
    const code = (error as { code?: string }).code
    const isOver = error instanceof CleaningSupersededError || code === 'ABORT_ERR' || code === 'CLOSED'
    if (isOver || (error as Error).name === 'AbortError') return
    const folder = partitionFolderName(topic, partition)
    this.#uncleanable.set(folder, { topic, partition, error: error as Error })
    this.#log.error(
      { err: error, partition: folder },
      'the log cannot be cleaned; it is left as it is until a restart',
    )
  }

  async #abort(folder: string): Promise<void> {
    if (this.#cleaning?.folder !== folder) return
    this.#cleaning.abort.abort()
    await this.#cleaning.done.catch(() => {})
  }

  /** One write at a time. */
  #writeCheckpoint(): Promise<void> {
    const write = this.#written
      .catch(() => {})
      .then(() =>
        writePartitionOffsets(this.#options.files, join(this.#options.dataDir, CLEANER_OFFSET_CHECKPOINT), [
          ...this.#cleanedUpTo.values(),
        ]),
      )
    this.#written = write.catch(() => {})
    return write
  }
}

type CheckpointEntry = { topic: string; partition: number; offset: number }

function folderOf({ topic, partition }: CheckpointEntry): string {
  return partitionFolderName(topic, partition)
}
