/** Names of files and folders in a data folder: Kafka's own, in one place. */

import { randomUUID } from 'node:crypto'

export const LOG_SUFFIX = '.log'
export const INDEX_SUFFIX = '.index'
export const TIME_INDEX_SUFFIX = '.timeindex'
export const TXN_INDEX_SUFFIX = '.txnindex'
export const PRODUCER_SNAPSHOT_SUFFIX = '.snapshot'
/** A segment that is going: kept until its last reader is done. */
export const DELETED_SUFFIX = '.deleted'
/** A segment that compaction is writing; worthless after a crash. */
export const CLEANED_SUFFIX = '.cleaned'
/** A whole compacted segment on its way in; a start after a crash finishes the swap. */
export const SWAP_SUFFIX = '.swap'
/** A partition's folder that is going. */
export const DELETED_FOLDER_SUFFIX = '-delete'
/** Of partitions that a broker found and had no use for. */
export const STRAY_FOLDER_SUFFIX = '-stray'

/** Ours: records that a truncation puts back; there while one is under way. */
export const TRUNCATION_FILE = 'truncation'
/** Ours: how far readers in other processes may read. The engine's own name for it stands in format.h. */
export const PROGRESS_FILE = 'progress'

export const LEADER_EPOCH_CHECKPOINT = 'leader-epoch-checkpoint'
export const PARTITION_METADATA = 'partition.metadata'

export const RECOVERY_POINT_CHECKPOINT = 'recovery-point-offset-checkpoint'
export const LOG_START_OFFSET_CHECKPOINT = 'log-start-offset-checkpoint'
export const HIGH_WATERMARK_CHECKPOINT = 'replication-offset-checkpoint'
export const CLEANER_OFFSET_CHECKPOINT = 'cleaner-offset-checkpoint'
/** Ours: what a directory of embedded logs knows of them. */
export const LOGS_CHECKPOINT = '.logs-checkpoint'
export const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown'
export const META_PROPERTIES = 'meta.properties'
export const LOCK_FILE = '.lock'
/** Ours: says that the folder's metadata lies in a store that brokers share. */
export const SHARED_METADATA_FILE = 'shared-metadata'

const offsetDigits = 20

/** `00000000000000000042.log` and the like. */
export function offsetFileName(offset: number, suffix: string): string {
  return String(offset).padStart(offsetDigits, '0') + suffix
}

/** The offset in a file's name, or undefined where the name is not an offset with this suffix. */
export function offsetOfFileName(name: string, suffix: string): number | undefined {
  if (name.length !== offsetDigits + suffix.length || !name.endsWith(suffix)) return undefined
  const digits = name.slice(0, offsetDigits)
  if (!/^\d+$/.test(digits)) return undefined
  const offset = Number(digits)
  return Number.isSafeInteger(offset) ? offset : undefined
}

export function partitionFolderName(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

/** Bytes of a file's name, at most. */
const longestName = 255

/** What a folder is called once it is moved away: its name and one of a kind, cut to what a file system takes. */
export function movedFolderName(name: string, suffix: string): string {
  const end = `.${randomUUID().replaceAll('-', '')}${suffix}`
  return name.slice(0, longestName - end.length) + end
}

/** Splits `topic-N`; undefined for other folders, those that are going among them. */
export function parsePartitionFolder(name: string): { topic: string; partition: number } | undefined {
  if (name.endsWith(DELETED_FOLDER_SUFFIX)) return undefined
  const match = /^(.+)-(\d+)$/.exec(name)
  if (!match) return undefined
  return { topic: match[1]!, partition: Number(match[2]) }
}
