/**
 * Checks the files of logs against themselves and against each other. A log that is written meanwhile is no fault:
 * indexes are opened before the segment that they speak of, and where something looks wrong while a file has changed,
 * the segment is looked at again.
 */
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  INDEX_SUFFIX,
  LOG_SUFFIX,
  offsetFileName,
  TIME_INDEX_SUFFIX,
  TXN_INDEX_SUFFIX,
} from '../../log/log-file-names.js'
import type { Int64 } from '../../protocol/index.js'
import { sleep } from '../../time/index.js'
import { walkBatches } from './batch-walk.js'
import { defaultSettleMs, type Fault, type FaultCode, fault } from './fault.js'
import { FileWindow } from './file-window.js'
import { IndexCheck } from './index-check.js'
import { type LogFile, listFolder, logFileOf } from './log-files.js'
import { readSmallFile } from './small-files.js'

export interface VerifyOptions {
  /** What looks broken must have stayed as it is for so long before it is told. Default 250. */
  settleMs?: number
}

/** What was looked at. */
export interface VerifyReport {
  files: number
  batches: number
  records: number
  bytes: number
  faults: number
}

/** Of one segment, or of one file: what is kept must not grow with a hostile file. */
const maxFaults = 100
const attempts = 4
const suffixes = [LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX]

/**
 * Checks a file, a partition's folder or a data folder, and changes nothing. Of each segment's faults the first 100
 * are told and counted.
 * Rejects where `path` is not there or no log's.
 */
export async function verifyLog(
  path: string,
  onFault: (found: Fault) => void | Promise<void>,
  { settleMs = defaultSettleMs }: VerifyOptions = {},
): Promise<VerifyReport> {
  const report: VerifyReport = { files: 0, batches: 0, records: 0, bytes: 0, faults: 0 }
  const tell = async (faults: readonly Fault[]) => {
    report.faults += faults.length
    for (const each of faults) await onFault(each)
  }
  if (!(await stat(path)).isDirectory()) {
    const file = logFileOf(path)
    if (file === undefined) throw new Error(`${path} is not a log's file: its name tells what it holds`)
    await verifyFiles(dirname(path), [file], report, tell, settleMs)
    return report
  }
  const { files, partitions } = await listFolder(path)
  if (files.length + partitions.length === 0) throw new Error(`${path} has no files of logs`)
  await verifyFiles(path, files, report, tell, settleMs)
  for (const folder of partitions)
    await verifyFiles(folder, (await listFolder(folder)).files, report, tell, settleMs)
  return report
}

type Tell = (faults: readonly Fault[]) => Promise<void>

async function verifyFiles(
  folder: string,
  files: readonly LogFile[],
  report: VerifyReport,
  tell: Tell,
  settleMs: number,
): Promise<void> {
  const ofSegments = new Set(['log', 'offsetIndex', 'timeIndex', 'transactionIndex'])
  const bases = new Set(files.filter(({ kind }) => ofSegments.has(kind)).map(({ baseOffset }) => baseOffset))
  report.files += files.length
  let end: { base: number; lastOffset: Int64 } | undefined
  for (const base of [...bases].sort((a, b) => a - b)) {
    const whole = await settled(folder, base, settleMs)
    if (whole === undefined) continue
    report.batches += whole.batches
    report.records += whole.records
    report.bytes += whole.bytes
    const faults = [...whole.faults]
    if (end !== undefined && end.lastOffset >= base) {
      const path = join(folder, offsetFileName(base, LOG_SUFFIX))
      faults.push(
        fault('BAD_ORDER', path, 0, `the segment ${end.base} before it goes up to offset ${end.lastOffset}`),
      )
    }
    await tell(faults)
    end = { base, lastOffset: whole.lastOffset }
  }
  for (const file of files) {
    if (ofSegments.has(file.kind)) continue
    await tell(
      file.kind === 'metadataSnapshot'
        ? await verifyBatches(file, report, settleMs)
        : await verifySmall(file),
    )
  }
}

interface SegmentResult {
  faults: Fault[]
  batches: number
  records: number
  bytes: number
  lastOffset: Int64
}

/** Looks again while the files change; undefined where the segment has gone meanwhile. */
async function settled(folder: string, base: number, settleMs: number): Promise<SegmentResult | undefined> {
  for (let attempt = 1; ; attempt++) {
    const before = await signature(folder, base)
    const result = await verifySegment(folder, base, settleMs)
    if (result.faults.length === 0 || attempt === attempts) return result
    await sleep(settleMs)
    const after = await signature(folder, base)
    if (after === '') return undefined
    if (after === before) return result
  }
}

/** Empty where none of the files is there. */
async function signature(folder: string, base: number): Promise<string> {
  const parts = await Promise.all(
    suffixes.map((suffix) =>
      stat(join(folder, offsetFileName(base, suffix))).then(
        ({ ino, size, mtimeMs }) => `${suffix} ${ino} ${size} ${mtimeMs}`,
        () => '',
      ),
    ),
  )
  return parts.join('')
}

async function verifySegment(folder: string, base: number, settleMs: number): Promise<SegmentResult> {
  const path = (suffix: string) => join(folder, offsetFileName(base, suffix))
  const result: SegmentResult = { faults: [], batches: 0, records: 0, bytes: 0, lastOffset: base - 1 }
  const add = (found: Fault) => {
    if (result.faults.length < maxFaults) result.faults.push(found)
  }
  const opened: FileWindow[] = []
  const open = async (suffix: string, code: FaultCode) => {
    try {
      const window = await FileWindow.open(path(suffix))
      opened.push(window)
      return window
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT')
        add(fault(code, path(suffix), 0, (error as Error).message))
      return undefined
    }
  }
  try {
    const offsets = await open(INDEX_SUFFIX, 'UNREADABLE')
    const times = await open(TIME_INDEX_SUFFIX, 'UNREADABLE')
    const aborted = await verifyAborted(path(TXN_INDEX_SUFFIX), base, add)
    const log = await open(LOG_SUFFIX, 'UNREADABLE')
    if (log === undefined) {
      for (const file of opened) add(fault('BAD_INDEX', file.path, 0, 'there is no segment to this index'))
      return result
    }
    result.bytes = log.size
    const indexes = new IndexCheck(base, offsets, times, add)
    let isWhole = true
    for await (const item of walkBatches(log, { baseOffset: base, decode: true, settleMs })) {
      if (!('header' in item)) {
        add(item)
        isWhole = false
        break
      }
      for (const each of item.faults) add(each)
      if (!item.isValid) isWhole = false
      result.batches++
      result.records += Math.max(0, item.header.recordCount)
      if (item.isValid && item.lastOffset > result.lastOffset) result.lastOffset = item.lastOffset
      await indexes.pass(item)
    }
    // Entries of what cannot be read are not the index's fault.
    if (isWhole) await indexes.finish(log.size)
    const late = aborted.find((offset) => offset < base || (isWhole && offset > result.lastOffset))
    if (late !== undefined) {
      add(
        fault(
          'BAD_INDEX',
          path(TXN_INDEX_SUFFIX),
          0,
          `the marker at offset ${late} does not lie in the segment`,
        ),
      )
    }
  } catch (error) {
    add(fault('UNREADABLE', path(LOG_SUFFIX), 0, (error as Error).message))
  } finally {
    for (const file of opened) await file.close()
  }
  return result
}

/** Offsets of the markers. */
async function verifyAborted(
  path: string,
  baseOffset: number,
  add: (found: Fault) => void,
): Promise<number[]> {
  try {
    const rows = await readSmallFile({ path, kind: 'transactionIndex', baseOffset })
    return rows.map((row) => (row.type === 'abortedTransaction' ? row.lastOffset : -1))
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT')
      add(fault('BAD_INDEX', path, 0, (error as Error).message))
    return []
  }
}

async function verifyBatches(file: LogFile, report: VerifyReport, settleMs: number): Promise<Fault[]> {
  const faults: Fault[] = []
  try {
    const window = await FileWindow.open(file.path)
    try {
      report.bytes += window.size
      for await (const item of walkBatches(window, { baseOffset: -1, decode: true, settleMs })) {
        if ('header' in item) {
          report.batches++
          report.records += Math.max(0, item.header.recordCount)
        }
        const found = 'header' in item ? item.faults : [item]
        if (faults.length < maxFaults) faults.push(...found)
      }
    } finally {
      await window.close()
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') {
      faults.push(fault('UNREADABLE', file.path, 0, (error as Error).message))
    }
  }
  return faults
}

async function verifySmall(file: LogFile): Promise<Fault[]> {
  try {
    await readSmallFile(file)
    return []
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException
    // Snapshots and checkpoints go and come while a broker runs.
    if (code === 'ENOENT') return []
    if (syscall !== undefined) return [fault('UNREADABLE', file.path, 0, message)]
    return [
      fault(file.kind === 'producerSnapshot' ? 'BAD_SNAPSHOT' : 'BAD_CHECKPOINT', file.path, 0, message),
    ]
  }
}
