/**
 * A broker's data folder: its partitions' logs, the checkpoints that tell the next start what is on disk, and the
 * mark of a clean stop. One process holds it at a time (the lock is taken by whoever opens the folder).
 */
import { basename, join } from 'node:path'
import type { Logger } from 'pino'
import type { TopicConfig } from '../config/index.js'
import { type PartitionOffset, readPartitionOffsets, writePartitionOffsets } from '../log/checkpoint-file.js'
import { readCleanStop, removeCleanStop, writeCleanStop } from '../log/clean-stop.js'
import {
  DELETED_FOLDER_SUFFIX,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_OFFSET_CHECKPOINT,
  movedFolderName,
  PARTITION_METADATA,
  parsePartitionFolder,
  partitionFolderName,
  RECOVERY_POINT_CHECKPOINT,
  STRAY_FOLDER_SUFFIX,
} from '../log/log-file-names.js'
import type { Files } from '../native/types.js'
import { PartitionLog } from './partition-log.js'
import { nativeEngine, type StorageEngine } from './storage-engine.js'

/** Names in one log line. */
const straysShown = 10

/** Where checkpoints of one kind come from. */
type OffsetOf = (log: PartitionLog) => number

export class DataFolder {
  readonly path: string
  /** True where the last process stopped cleanly: no log needs a scan. */
  readonly wasCleanlyClosed: boolean
  readonly #engine: StorageEngine
  readonly #log: Logger
  /** What lay in the folder when it was opened, and the partitions that came and went since. */
  readonly #names: Set<string>
  readonly #logs = new Map<string, PartitionLog>()
  readonly #recoveryPoints: Map<string, number>
  /** Of logs that the checkpoint does not name: 0, they are new, or -1 where there is no checkpoint to tell. */
  readonly #recoveryPointOfOthers: number
  readonly #logStartOffsets: Map<string, number>
  readonly #highWatermarks: Map<string, number>
  readonly #writes = new Map<string, Promise<void>>()

  private constructor(
    path: string,
    engine: StorageEngine,
    log: Logger,
    names: readonly string[],
    wasCleanlyClosed: boolean,
    recoveryPoints: PartitionOffset[] | undefined,
    logStartOffsets: PartitionOffset[],
    highWatermarks: PartitionOffset[],
  ) {
    this.path = path
    this.#engine = engine
    this.#log = log
    this.#names = new Set(names)
    this.wasCleanlyClosed = wasCleanlyClosed
    this.#recoveryPoints = byFolder(recoveryPoints ?? [])
    this.#recoveryPointOfOthers = recoveryPoints ? 0 : -1
    this.#logStartOffsets = byFolder(logStartOffsets)
    this.#highWatermarks = byFolder(highWatermarks)
  }

  /** Reads the checkpoints and takes the mark of a clean stop away, durably, before anything is written. */
  static async open(path: string, log: Logger, engine = nativeEngine): Promise<DataFolder> {
    const { files } = engine
    const names = await engine.readNames(path)
    const wasCleanlyClosed = (await readCleanStop(files, path)) !== undefined
    if (wasCleanlyClosed) await removeCleanStop(files, path)
    for (const name of names) {
      if (name.endsWith(DELETED_FOLDER_SUFFIX)) {
        files.removeFolder(join(path, name)).catch((error: unknown) => {
          log.warn({ err: error, folder: name }, 'a deleted partition could not be removed from disk')
        })
      }
    }
    const read = async (name: string) => {
      if (!names.includes(name)) return undefined
      try {
        return await readPartitionOffsets(files, join(path, name))
      } catch (error) {
        log.warn({ err: error }, 'a checkpoint is passed over; the logs are read instead')
        return undefined
      }
    }
    const [recoveryPoints, logStartOffsets, highWatermarks] = await Promise.all([
      read(RECOVERY_POINT_CHECKPOINT),
      read(LOG_START_OFFSET_CHECKPOINT),
      read(HIGH_WATERMARK_CHECKPOINT),
    ])
    return new DataFolder(
      path,
      engine,
      log,
      names,
      wasCleanlyClosed,
      recoveryPoints,
      logStartOffsets ?? [],
      highWatermarks ?? [],
    )
  }

  get logs(): Iterable<PartitionLog> {
    return this.#logs.values()
  }

  /** What the last process knew of a partition's high watermark; 0 where it said nothing. */
  highWatermarkAtStart(topic: string, partition: number): number {
    return this.#highWatermarks.get(partitionFolderName(topic, partition)) ?? 0
  }

  /** Opens a partition's log, created if absent. */
  async openLog(
    topic: string,
    topicId: string,
    partition: number,
    config: TopicConfig,
  ): Promise<PartitionLog> {
    const name = partitionFolderName(topic, partition)
    const folder = join(this.path, name)
    const identity = `version: 0\ntopic_id: ${topicId}\n`
    // A new partition may have the name of one that was deleted and that a checkpoint still knows.
    if (!(await this.#isOf(topicId, folder, identity))) this.#forget(name)
    this.#names.add(name)
    const log = await PartitionLog.open({
      folder,
      topic,
      partition,
      config,
      recoveryPoint: this.#recoveryPoints.get(name) ?? this.#recoveryPointOfOthers,
      logStartOffset: this.#logStartOffsets.get(name) ?? 0,
      // Without the checkpoint nobody knows where the log ended: it is read.
      cleanShutdown: this.wasCleanlyClosed && this.#recoveryPointOfOthers === 0,
      firstFile: { name: PARTITION_METADATA, text: identity },
      engine: this.#engine,
      log: this.#log,
    })
    const { scannedBytes, truncatedBytes, rebuiltIndexes } = log.native.recovery
    if (truncatedBytes > 0 || rebuiltIndexes > 0) {
      this.#log.warn({ log: name, scannedBytes, truncatedBytes, rebuiltIndexes }, 'log recovered')
    }
    this.#logs.set(name, log)
    return log
  }

  /**
   * Sets folders aside that hold partitions of no use here: those of deleted topics, or of other brokers by now. As in
   * Kafka their names end in `-stray` then, and nobody but an operator removes them: should the metadata be an older
   * one, they may be all there is. `isExpected`: a partition of this name is about to be opened, which then looks whose
   * it is. REQUIRES: none of their logs is open.
   */
  async setStraysAside(isExpected: (topic: string, partition: number) => boolean): Promise<void> {
    const strays: string[] = []
    for (const name of this.#names) {
      const found = parsePartitionFolder(name)
      if (!found || isExpected(found.topic, found.partition)) continue
      if ((await topicIdOf(this.#engine.files, join(this.path, name))) !== undefined) strays.push(name)
    }
    if (strays.length > 0) await this.#setAside(strays)
  }

  async #setAside(names: readonly string[]): Promise<void> {
    const { files } = this.#engine
    const folders = names.map((name) => movedFolderName(name, STRAY_FOLDER_SUFFIX))
    for (const [index, name] of names.entries()) {
      await files.rename(join(this.path, name), join(this.path, folders[index]!))
      this.#names.delete(name)
      this.#forget(name)
    }
    await files.syncFolder(this.path)
    this.#log.warn(
      { count: folders.length, folders: folders.slice(0, straysShown) },
      'folders of partitions that this broker no longer has are set aside: remove them when they are not missed',
    )
  }

  /** Removes logs from disk; resolves with what became of each. No checkpoint knows them then. */
  async removeLogs(logs: readonly PartitionLog[]): Promise<PromiseSettledResult<void>[]> {
    const removed = await Promise.allSettled(
      logs.map(async (log) => {
        const name = partitionFolderName(log.topic, log.partition)
        this.#logs.delete(name)
        await log.remove()
        this.#names.delete(name)
        this.#forget(name)
      }),
    )
    // A full disk must not hold up what else a change of the cluster brings.
    await this.#try(
      [this.writeLogStartOffsets(), this.writeRecoveryPoints()],
      'a checkpoint could not be written',
    )
    return removed
  }

  #forget(name: string): void {
    this.#recoveryPoints.set(name, 0)
    this.#logStartOffsets.delete(name)
  }

  writeRecoveryPoints(): Promise<void> {
    return this.#write(RECOVERY_POINT_CHECKPOINT, (log) => log.recoveryPoint)
  }

  writeLogStartOffsets(): Promise<void> {
    return this.#write(LOG_START_OFFSET_CHECKPOINT, (log) => log.logStartOffset)
  }

  /** `highWatermarkOf` is the partition's, known one room above. */
  writeHighWatermarks(highWatermarkOf: OffsetOf): Promise<void> {
    return this.#write(HIGH_WATERMARK_CHECKPOINT, highWatermarkOf)
  }

  /**
   * Closes all logs; marks the stop as clean when every one of them could be. A disk that refuses the rest makes the
   * stop an unclean one, no more.
   */
  async close(highWatermarkOf: OffsetOf): Promise<void> {
    const logs = [...this.#logs.values()]
    const areClosed = await this.#try(
      logs.map((log) => log.close()),
      'a log could not be closed cleanly',
    )
    const areWritten = await this.#try(
      [this.writeRecoveryPoints(), this.writeLogStartOffsets(), this.writeHighWatermarks(highWatermarkOf)],
      'a checkpoint could not be written',
    )
    if (!areClosed || !areWritten || logs.some((log) => log.failure)) return
    await this.#try([writeCleanStop(this.#engine.files, this.path)], 'the stop could not be marked as clean')
  }

  /** Waits for all; false where one of them failed, which is logged. */
  async #try(work: readonly Promise<unknown>[], what: string): Promise<boolean> {
    const results = await Promise.allSettled(work)
    const failed = results.filter((result) => result.status === 'rejected')
    for (const { reason } of failed) this.#log.error({ err: reason }, what)
    return failed.length === 0
  }

  /** One write of a checkpoint at a time, each with the offsets of when it begins. */
  #write(name: string, offsetOf: OffsetOf): Promise<void> {
    const before = this.#writes.get(name) ?? Promise.resolve()
    const next = before
      .catch(() => {})
      .then(() => {
        const offsets: PartitionOffset[] = []
        for (const log of this.#logs.values()) {
          offsets.push({ topic: log.topic, partition: log.partition, offset: offsetOf(log) })
        }
        return writePartitionOffsets(this.#engine.files, join(this.path, name), offsets)
      })
    this.#writes.set(name, next)
    return next
  }

  /**
   * Whether the partition's folder is there; then `partition.metadata` is too, written where it was missing. A folder
   * of the same name that belongs to a topic deleted before is moved away.
   */
  async #isOf(topicId: string, folder: string, identity: string): Promise<boolean> {
    const name = basename(folder)
    if (!this.#names.has(name)) return false
    const { files } = this.#engine
    const known = await topicIdOf(files, folder)
    if (known === topicId) return true
    if (known === undefined) {
      await files.makeFolder(folder)
      await files.writeAtomically(join(folder, PARTITION_METADATA), Buffer.from(identity))
      return true
    }
    await this.#setAside([name])
    return false
  }
}

/** What `partition.metadata` says; undefined without one. */
async function topicIdOf(files: Files, folder: string): Promise<string | undefined> {
  try {
    const text = Buffer.from(await files.read(join(folder, PARTITION_METADATA))).toString('utf8')
    return /^topic_id: (\S+)$/m.exec(text)?.[1]
  } catch {
    return undefined
  }
}

function byFolder(offsets: readonly PartitionOffset[]): Map<string, number> {
  return new Map(
    offsets.map(({ topic, partition, offset }) => [partitionFolderName(topic, partition), offset]),
  )
}
