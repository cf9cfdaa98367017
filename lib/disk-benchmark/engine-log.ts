/** The engine's side: logs as a broker opens them, and batches to append. */

import { join } from 'node:path'
import type { LogSettings, NativeLog, OpenLogOptions } from '../native/index.js'
import { openLog } from '../native/index.js'
import { BATCH_HEADER_SIZE, encodeBatch } from '../protocol/index.js'

/** Kafka's defaults, but for bounds that the benchmark's largest batch needs. */
const settings: LogSettings = {
  segmentBytes: 1_073_741_824,
  segmentMs: Number.MAX_SAFE_INTEGER,
  indexIntervalBytes: 4096,
  segmentIndexBytes: 10_485_760,
  maxMessageBytes: 8_388_608,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  requireKey: false,
  flushMessages: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
}

const fresh: OpenLogOptions = { ...settings, recoveryPoint: 0, cleanShutdown: true, logStartOffset: 0 }

export function openFreshLog(folder: string, name: string): Promise<NativeLog> {
  return openLog(join(folder, name), fresh)
}

const recordBytes = 1024
/** What a record's lengths, deltas and counts take at most. */
const recordOverhead = 24

export interface Batch {
  readonly bytes: Uint8Array
  readonly records: number
}

/** A batch of exactly so many bytes: records of 1 KB, the last one longer. Nothing of it compresses. */
export function makeBatch(bytes: number): Batch {
  const records = Math.max(1, Math.floor((bytes - BATCH_HEADER_SIZE) / recordBytes))
  const timestamp = Date.now()
  const usual = noise(recordBytes - recordOverhead)
  const encode = (last: number) =>
    encodeBatch({
      records: Array.from({ length: records }, (_, index) => ({
        timestamp,
        value: index === records - 1 ? noise(last) : usual,
      })),
    })
  let last = usual.length - BATCH_HEADER_SIZE
  let batch = encode(last)
  while (batch.byteLength !== bytes) {
    last += bytes - batch.byteLength
    if (last < 1) throw new RangeError(`no batch of ${bytes} bytes`)
    batch = encode(last)
  }
  return { bytes: batch, records }
}

/** The same every time. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let i = 0, seed = size; i < size; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = seed >>> 24
  }
  return bytes
}

const asLeader = { leaderEpoch: 0, origin: 'leader', refusalsSeen: 0 } as const

/** The engine writes the offset that it assigns into the bytes, and takes none but 0 from a client. */
export function resetOffset(bytes: Uint8Array, at = 0): void {
  bytes.fill(0, at, at + 8)
}

/** Hands a batch to the page cache. The bytes may be used again. */
export async function append(log: NativeLog, bytes: Uint8Array): Promise<void> {
  resetOffset(bytes)
  await log.append(bytes, { ...asLeader, flush: 'none' })
}

/** The same, and waits until they are on disk. */
export async function appendFlushed(log: NativeLog, bytes: Uint8Array): Promise<void> {
  resetOffset(bytes)
  await log.append(bytes, { ...asLeader, flush: 'awaited' })
}
