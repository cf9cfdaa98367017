/** What stands in the files of a log, row by row, in their own terms. */
import { stat } from 'node:fs/promises'
import { type BatchHeader, CorruptBatchError, controlTypeOf, type Int64 } from '../../protocol/index.js'
import { advanceSequence } from '../batch-identity.js'
import { type WalkedBatch, walkBatches } from './batch-walk.js'
import { defaultSettleMs, type Fault, fault } from './fault.js'
import { FileWindow } from './file-window.js'
import { offsetEntries, timeEntries } from './index-entries.js'
import { type LogFile, listFolder, logFileOf } from './log-files.js'
import { type RecordView, walkRecords } from './record-walk.js'
import { readSmallFile, type SmallFileRow } from './small-files.js'

export interface BatchRow {
  readonly type: 'batch'
  readonly baseOffset: Int64
  readonly lastOffset: Int64
  readonly count: number
  readonly baseSequence: number
  readonly lastSequence: number
  readonly producerId: Int64
  readonly producerEpoch: number
  readonly partitionLeaderEpoch: number
  readonly isTransactional: boolean
  readonly isControl: boolean
  /** When tombstones and markers in the batch may go, null where that is not decided. */
  readonly deleteHorizonMs: Int64 | null
  readonly position: number
  readonly baseTimestamp: Int64
  readonly maxTimestamp: Int64
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly sizeInBytes: number
  readonly magic: number
  /** Or its number, where it is unknown. */
  readonly codec: string
  readonly crc: number
  readonly isValid: boolean
}

export interface RecordRow extends RecordView {
  readonly type: 'record'
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  /** Of a control record: what it says. */
  readonly control?: { readonly kind: string; readonly coordinatorEpoch: number | null }
}

/** Rows follow the `file` row of their file; a fault stands where it was met. */
export type DumpRow =
  | {
      readonly type: 'file'
      readonly path: string
      readonly kind: LogFile['kind']
      readonly baseOffset: number
    }
  | BatchRow
  | RecordRow
  | { readonly type: 'offsetIndexEntry'; readonly offset: Int64; readonly position: number }
  | { readonly type: 'timeIndexEntry'; readonly timestamp: Int64; readonly offset: Int64 }
  | SmallFileRow
  | ({ readonly type: 'fault' } & Fault)

export interface DumpOptions {
  /** The records of batches too. */
  records: boolean
  /** A segment that ends within a batch must have stayed as it is for so long before that is told. Default 250. */
  settleMs?: number
}

/**
 * Reads a file of a log, or all of them in a partition's or a data folder, and changes nothing. Broken files give
 * faults, never errors; rejects where `path` is not there or no log's.
 */
export async function* dumpLog(path: string, options: DumpOptions): AsyncGenerator<DumpRow> {
  if (!(await stat(path)).isDirectory()) {
    const file = logFileOf(path)
    if (file === undefined) throw new Error(`${path} is not a log's file: its name tells what it holds`)
    yield* dumpFile(file, options)
    return
  }
  const { files, partitions } = await listFolder(path)
  if (files.length + partitions.length === 0) throw new Error(`${path} has no files of logs`)
  for (const file of files) yield* dumpFile(file, options)
  for (const folder of partitions) {
    for (const file of (await listFolder(folder)).files) yield* dumpFile(file, options)
  }
}

async function* dumpFile(file: LogFile, options: DumpOptions): AsyncGenerator<DumpRow> {
  const { path, kind, baseOffset } = file
  yield { type: 'file', path, kind, baseOffset }
  try {
    if (kind === 'log' || kind === 'metadataSnapshot') yield* dumpBatches(file, options)
    else if (kind === 'offsetIndex') {
      for await (const { offset, position } of withWindow(path, (window) =>
        offsetEntries(window, baseOffset),
      )) {
        yield { type: 'offsetIndexEntry', offset, position }
      }
    } else if (kind === 'timeIndex') {
      for await (const { timestamp, offset } of withWindow(path, (window) =>
        timeEntries(window, baseOffset),
      )) {
        yield { type: 'timeIndexEntry', timestamp, offset }
      }
    } else yield* await readSmallFile(file)
  } catch (error) {
    // A live log's files may go while they are listed.
    if ((error as { code?: string }).code !== 'ENOENT') {
      yield { type: 'fault', ...fault('UNREADABLE', path, 0, (error as Error).message) }
    }
  }
}

async function* dumpBatches(
  { path, baseOffset }: LogFile,
  { records, settleMs = defaultSettleMs }: DumpOptions,
): AsyncGenerator<DumpRow> {
  const walk = (window: FileWindow) => walkBatches(window, { baseOffset, decode: records, settleMs })
  for await (const item of withWindow(path, walk)) {
    if (!('header' in item)) {
      yield { type: 'fault', ...item }
      continue
    }
    yield batchRow(item)
    if (item.records !== undefined) {
      try {
        for (const record of walkRecords(item.header, item.records)) yield recordRow(item.header, record)
      } catch (error) {
        // The walk has told already.
        if (!(error instanceof CorruptBatchError)) throw error
      }
    }
    for (const each of item.faults) yield { type: 'fault', ...each }
  }
}

async function* withWindow<T>(
  path: string,
  rows: (window: FileWindow) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const window = await FileWindow.open(path)
  try {
    yield* rows(window)
  } finally {
    await window.close()
  }
}

function batchRow({ header, position, sizeInBytes, lastOffset, isValid }: WalkedBatch): BatchRow {
  const { baseSequence, lastOffsetDelta } = header
  return {
    type: 'batch',
    baseOffset: header.baseOffset,
    lastOffset,
    count: header.recordCount,
    baseSequence,
    lastSequence: baseSequence < 0 ? -1 : advanceSequence(baseSequence, lastOffsetDelta),
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    partitionLeaderEpoch: header.partitionLeaderEpoch,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
    deleteHorizonMs: header.hasDeleteHorizon ? header.baseTimestamp : null,
    position,
    baseTimestamp: header.baseTimestamp,
    maxTimestamp: header.maxTimestamp,
    timestampType: header.timestampType,
    sizeInBytes,
    magic: header.magic,
    codec: codecOf(header),
    crc: header.crc,
    isValid,
  }
}

function codecOf(header: BatchHeader): string {
  try {
    return header.compression
  } catch {
    return String(header.compressionId)
  }
}

function recordRow(header: BatchHeader, record: RecordView): RecordRow {
  const { timestampType } = header
  if (!header.isControl) return { type: 'record', timestampType, ...record }
  return { type: 'record', timestampType, ...record, control: controlOf(record) }
}

/** Types 2 and up are of Kafka's own metadata log. */
const otherControls = ['LEADER_CHANGE', 'SNAPSHOT_HEADER', 'SNAPSHOT_FOOTER', 'KRAFT_VERSION', 'KRAFT_VOTERS']

function controlOf({ key, value }: RecordView): { kind: string; coordinatorEpoch: number | null } {
  if (key === null || key.length < 4) return { kind: 'UNKNOWN', coordinatorEpoch: null }
  const marker = controlTypeOf(key)
  if (marker === null) {
    const type = (key[2]! << 8) | key[3]!
    return { kind: otherControls[type - 2] ?? `UNKNOWN(${type})`, coordinatorEpoch: null }
  }
  const epoch = value !== null && value.length >= 6 ? Buffer.from(value).readInt32BE(2) : null
  return { kind: marker, coordinatorEpoch: epoch }
}
