/** Which files of a folder belong to logs, and how each is read. */
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  CLEANER_OFFSET_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  INDEX_SUFFIX,
  LEADER_EPOCH_CHECKPOINT,
  LOG_START_OFFSET_CHECKPOINT,
  LOG_SUFFIX,
  offsetOfFileName,
  PARTITION_METADATA,
  PRODUCER_SNAPSHOT_SUFFIX,
  parsePartitionFolder,
  RECOVERY_POINT_CHECKPOINT,
  TIME_INDEX_SUFFIX,
  TXN_INDEX_SUFFIX,
} from '../../log/log-file-names.js'

export type LogFileKind =
  | 'log'
  | 'offsetIndex'
  | 'timeIndex'
  | 'transactionIndex'
  | 'producerSnapshot'
  /** A snapshot of Kafka's metadata: batches too. */
  | 'metadataSnapshot'
  | 'leaderEpochs'
  | 'partitionOffsets'
  | 'partitionMetadata'

export interface LogFile {
  readonly path: string
  readonly kind: LogFileKind
  /** From the file's name; −1 where it names none. */
  readonly baseOffset: number
}

const bySuffix: readonly (readonly [string, LogFileKind])[] = [
  [LOG_SUFFIX, 'log'],
  [INDEX_SUFFIX, 'offsetIndex'],
  [TIME_INDEX_SUFFIX, 'timeIndex'],
  [TXN_INDEX_SUFFIX, 'transactionIndex'],
  [PRODUCER_SNAPSHOT_SUFFIX, 'producerSnapshot'],
]

const byName = new Map<string, LogFileKind>([
  [LEADER_EPOCH_CHECKPOINT, 'leaderEpochs'],
  [PARTITION_METADATA, 'partitionMetadata'],
  [RECOVERY_POINT_CHECKPOINT, 'partitionOffsets'],
  [LOG_START_OFFSET_CHECKPOINT, 'partitionOffsets'],
  [HIGH_WATERMARK_CHECKPOINT, 'partitionOffsets'],
  [CLEANER_OFFSET_CHECKPOINT, 'partitionOffsets'],
])

/** Undefined where the name is no log's: also of what is being written by compaction, or going. */
export function logFileOf(path: string): LogFile | undefined {
  const name = basename(path)
  const kind = byName.get(name)
  if (kind !== undefined) return { path, kind, baseOffset: -1 }
  for (const [suffix, suffixed] of bySuffix) {
    const baseOffset = offsetOfFileName(name, suffix)
    if (baseOffset !== undefined) return { path, kind: suffixed, baseOffset }
  }
  return /^\d{20}-\d{10}\.checkpoint$/.test(name)
    ? { path, kind: 'metadataSnapshot', baseOffset: -1 }
    : undefined
}

/** The logs' files in a folder, by name, and the folders of partitions in it. */
export async function listFolder(folder: string): Promise<{ files: LogFile[]; partitions: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const files: LogFile[] = []
  const partitions: string[] = []
  for (const entry of entries) {
    const path = join(folder, entry.name)
    const file = entry.isDirectory() ? undefined : logFileOf(path)
    if (file !== undefined) files.push(file)
    else if (entry.isDirectory() && parsePartitionFolder(entry.name) !== undefined) partitions.push(path)
  }
  return { files, partitions }
}
