/** The batches of a segment one after the other, each with what is wrong with it. */
import {
  addInt64,
  BATCH_HEADER_SIZE,
  BATCH_MAGIC,
  BatchField,
  BatchHeader,
  batchFit,
  batchSize,
  compressionNames,
  crc32c,
  decompress,
  type Int64,
} from '../../protocol/index.js'
import { sleep } from '../../time/index.js'
import { type Fault, fault } from './fault.js'
import type { FileWindow } from './file-window.js'
import { walkRecords } from './record-walk.js'

/** Larger ones are checked by their CRC alone. */
const maxBatchBytes = 128 << 20
const maxUnpackedBytes = 256 << 20
const crcPieceBytes = 1 << 20

export interface WalkedBatch {
  readonly position: number
  readonly sizeInBytes: number
  readonly header: BatchHeader
  readonly lastOffset: Int64
  /** What the CRC says. */
  readonly isValid: boolean
  /** Decompressed; undefined where they cannot be had. A view that holds until the next batch. */
  readonly records: Uint8Array | undefined
  readonly faults: readonly Fault[]
}

export interface WalkOptions {
  /** From the file's name; −1 where it names none. */
  baseOffset: number
  /** Whether records are decompressed and walked. */
  decode: boolean
  /** A file that ends within a batch must have stayed as it is for so long: a broker may be writing it. */
  settleMs: number
}

/**
 * Walks to the end of the file, or to where no batch can be found any more: a fault of its own tells where and why.
 * Rejects only where the file cannot be read.
 */
export async function* walkBatches(
  file: FileWindow,
  { baseOffset, decode, settleMs }: WalkOptions,
): AsyncGenerator<WalkedBatch | Fault, void, undefined> {
  let position = 0
  let end: Int64 = baseOffset
  while (position < file.size) {
    // Kept beyond the next read.
    const bytes = Buffer.from(await file.read(position, BATCH_HEADER_SIZE))
    const left = file.size - position
    const fit = batchFit(bytes, 0, Math.min(left, bytes.length < BATCH_HEADER_SIZE ? bytes.length : left))
    if ((fit === 'cut' || fit === 'cut header') && settleMs > 0) {
      await sleep(settleMs)
      if (await file.refresh()) continue
    }
    const stop = (code: 'TORN_TAIL' | 'CORRUPT_BATCH', problem: string) =>
      fault(code, file.path, position, `${problem}; ${file.size - position} bytes from here on are not read`)
    if (fit === 'cut header') {
      yield stop('TORN_TAIL', 'the file ends within the header of a batch')
      return
    }
    const header = new BatchHeader(bytes)
    if (fit === 'magic') {
      const old = header.magic === 0 || header.magic === 1
      yield stop(
        'CORRUPT_BATCH',
        old ? `a message of the old format ${header.magic}` : `magic ${header.magic}, not ${BATCH_MAGIC}`,
      )
      return
    }
    const size = batchSize(bytes, 0)
    if (fit === 'short') {
      yield stop('CORRUPT_BATCH', `a batch of ${size} bytes, less than its header`)
      return
    }
    if (fit === 'cut') {
      yield stop('TORN_TAIL', `a batch of ${size} bytes, of which ${file.size - position} are there`)
      return
    }
    const problems: [Fault['code'], string][] = []
    const lastOffset = addInt64(header.baseOffset, header.lastOffsetDelta)
    if (header.baseOffset < end) {
      problems.push(['BAD_ORDER', `base offset ${header.baseOffset}, where ${end} or more follows`])
    }
    const { isValid, batch } = await checkCrc(file, position, size, header)
    let records: Uint8Array | undefined
    if (!isValid) problems.push(['CORRUPT_BATCH', `the CRC does not match: stored ${header.crc}`])
    else {
      const problem = problemOf(header)
      if (problem !== undefined) problems.push(['CORRUPT_BATCH', problem])
      else if (decode && batch === undefined) {
        problems.push(['NOT_CHECKED', `a batch of ${size} bytes, whose records are not looked at`])
      } else if (decode) {
        try {
          records = await unpack(header, batch!)
          for (const _ of walkRecords(header, records));
        } catch (error) {
          problems.push([
            'CORRUPT_BATCH',
            `the records of offset ${header.baseOffset}: ${(error as Error).message}`,
          ])
        }
      }
    }
    const faults = problems.map(([code, problem]) => fault(code, file.path, position, problem))
    yield { position, sizeInBytes: size, header, lastOffset, isValid, records, faults }
    // Offsets of a broken batch say nothing about the next.
    if (isValid && lastOffset >= end) end = addInt64(lastOffset, 1)
    position += size
  }
}

async function unpack(header: BatchHeader, batch: Buffer): Promise<Uint8Array> {
  const packed = batch.subarray(BATCH_HEADER_SIZE)
  return header.compressionId === 0 || packed.length === 0
    ? packed
    : decompress(header.compression, packed, maxUnpackedBytes)
}

/** What a header says that cannot be, though its CRC matches. */
function problemOf(header: BatchHeader): string | undefined {
  const { lastOffsetDelta, recordCount, compressionId } = header
  if (lastOffsetDelta < 0) return `last offset delta ${lastOffsetDelta}`
  if (recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    return `${recordCount} records for ${lastOffsetDelta + 1} offsets`
  }
  return compressionNames[compressionId] === undefined ? `unknown compression ${compressionId}` : undefined
}

/** The whole batch too, where it is not too large. */
async function checkCrc(
  file: FileWindow,
  position: number,
  size: number,
  header: BatchHeader,
): Promise<{ isValid: boolean; batch: Buffer | undefined }> {
  if (size <= maxBatchBytes) {
    const batch = await file.read(position, size)
    return { isValid: batch.length === size && crc32c(batch, BatchField.ATTRIBUTES) === header.crc, batch }
  }
  let crc = 0
  for (let at = BatchField.ATTRIBUTES; at < size; ) {
    const piece = await file.read(position + at, Math.min(crcPieceBytes, size - at))
    if (piece.length === 0) return { isValid: false, batch: undefined }
    crc = crc32c(piece, 0, piece.length, crc)
    at += piece.length
  }
  return { isValid: crc === header.crc, batch: undefined }
}
