/**
 * Cuts a log's end at any offset, also within a batch: the records of that batch that stay are written to a file of
 * their own first, so that a crash between the cut and their return loses none of them.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TRUNCATION_FILE } from '../log/log-file-names.js'
import { files } from '../native/index.js'
import type { NativeLog } from '../native/types.js'
import { decodeBatch, encodeCompressedBatch, readBatchHeader, toSafeInteger } from '../protocol/index.js'

/** What one batch may decompress to. */
const maxUnpackedBytes = 256 << 20

const planHeaderBytes = 8

const firstBatch = { maxBytes: 1, minOneBatch: true, maxOffset: Number.MAX_SAFE_INTEGER }
const nothing = { bytes: new Uint8Array(0) }

/** Removes all records from `offset` on. REQUIRES: nothing is under way; `lowerRecoveryPoint` is durable when it resolves. */
export async function truncateLog(
  native: NativeLog,
  offset: number,
  lowerRecoveryPoint: (offset: number) => Promise<void>,
): Promise<void> {
  if (offset >= native.logEndOffset) return
  const kept = await keptRecords(native, offset)
  if (kept === undefined) {
    await lowerRecoveryPoint(offset)
    return native.replaceEnd(offset, new Uint8Array(0))
  }
  // The kept records come back behind what is there: that must not be lost either.
  await native.flush()
  await lowerRecoveryPoint(baseOffsetOf(kept))
  await files.writeAtomically(join(native.path, TRUNCATION_FILE), encodePlan(native.logEndOffset, kept))
  await replaceEnd(native, kept)
}

/** Finishes a truncation that a crash has interrupted. */
export async function finishTruncation(native: NativeLog): Promise<void> {
  let plan: Buffer
  try {
    plan = await readFile(join(native.path, TRUNCATION_FILE))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const kept = plan.subarray(planHeaderBytes)
  // Not begun, or cut with the kept records still to come back. Otherwise it is done but for the file, or was given up
  // by a thread that ended while others went on: what was appended since must not go.
  const isOpen = [Number(plan.readBigInt64BE(0)), baseOffsetOf(kept)].includes(native.logEndOffset)
  const { bytes } = await native.readBatches(baseOffsetOf(kept), firstBatch).catch(() => nothing)
  if (!isOpen || Buffer.compare(bytes, kept) === 0) return removeFile(native)
  await replaceEnd(native, kept)
}

/** Where the log ended when the truncation began, then the batch that is to be its last. */
function encodePlan(endOffset: number, kept: Uint8Array): Buffer {
  const header = Buffer.alloc(planHeaderBytes)
  header.writeBigInt64BE(BigInt(endOffset))
  return Buffer.concat([header, kept])
}

async function replaceEnd(native: NativeLog, kept: Uint8Array): Promise<void> {
  await native.replaceEnd(baseOffsetOf(kept), kept)
  await native.flush()
  await removeFile(native)
}

async function removeFile(native: NativeLog): Promise<void> {
  await files.remove(join(native.path, TRUNCATION_FILE))
  await files.syncFolder(native.path)
}

function baseOffsetOf(batch: Uint8Array): number {
  return toSafeInteger(readBatchHeader(batch).baseOffset, 'baseOffset')
}

/** The records below `offset` of the batch that holds it, as a batch; undefined where the batch begins there. */
async function keptRecords(native: NativeLog, offset: number): Promise<Uint8Array | undefined> {
  const { bytes } = await native.readBatches(offset, firstBatch)
  if (bytes.length === 0) return undefined
  const { header, records } = await decodeBatch(bytes, 0, maxUnpackedBytes)
  const baseOffset = toSafeInteger(header.baseOffset, 'baseOffset')
  if (baseOffset >= offset) return undefined
  return encodeCompressedBatch(
    {
      records: records.filter((record) => record.offset < offset),
      baseOffset,
      lastOffset: offset - 1,
      partitionLeaderEpoch: header.partitionLeaderEpoch,
      timestampType: header.timestampType,
      producerId: header.producerId,
      producerEpoch: header.producerEpoch,
      baseSequence: header.baseSequence,
      isTransactional: header.isTransactional,
      isControl: header.isControl,
      deleteHorizonMs: header.hasDeleteHorizon ? header.baseTimestamp : undefined,
    },
    header.compression,
  )
}
