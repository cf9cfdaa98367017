/** What the engine's tests share: batches, a log in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { addon } from '../../lib/native/addon.js'
import type {
  AppendOptions,
  AppendResult,
  LogSettings,
  NativeLog,
  OpenLogOptions,
} from '../../lib/native/index.js'
import { openLog } from '../../lib/native/index.js'

export const settings: LogSettings = {
  segmentBytes: 1 << 30,
  segmentMs: Number.POSITIVE_INFINITY,
  indexIntervalBytes: 4096,
  segmentIndexBytes: 10 << 20,
  maxMessageBytes: 1 << 20,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: 3_600_000,
  requireKey: false,
  flushMessages: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
}

export const crashed: OpenLogOptions = {
  ...settings,
  recoveryPoint: 0,
  cleanShutdown: false,
  logStartOffset: 0,
}
export const clean: OpenLogOptions = { ...crashed, cleanShutdown: true }
export const leader: AppendOptions = { leaderEpoch: 3, origin: 'leader', refusalsSeen: 0, flush: 'none' }

interface Fault {
  operation: 'open' | 'read' | 'write' | 'sync' | 'truncate' | 'rename' | 'unlink' | 'syncFolder'
  path: string
  after?: number
  times?: number
  errno: number
}

/** Makes the file layer fail from now on; tests that use it run one after the other. */
export function setFaults(t: ExecutionContext, faults: Fault[]): void {
  const set = (addon as { setFaults(faults: Fault[]): void }).setFaults
  set(faults)
  t.teardown(() => set([]))
}

const crcTable = new Uint32Array(256).map((_, i) => {
  let crc = i
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** Up to 63 records of one-byte keys and values: every varint has one byte. */
export function batch(records: number, timestampMs = 1_000, value = 'v'): Buffer {
  const bytes = Buffer.alloc(61 + records * 9)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes[16] = 2
  bytes.writeInt32BE(records - 1, 23)
  bytes.writeBigInt64BE(BigInt(timestampMs), 27)
  bytes.writeBigInt64BE(BigInt(timestampMs), 35)
  bytes.writeBigInt64BE(-1n, 43)
  bytes.writeInt16BE(-1, 51)
  bytes.writeInt32BE(-1, 53)
  bytes.writeInt32BE(records, 57)
  for (let i = 0; i < records; i++) {
    bytes.set([16, 0, 0, i * 2, 2, 0x6b, 2, value.charCodeAt(0), 0], 61 + i * 9)
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-native-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A log that is closed with the test, unless the test has done so. */
export async function open(
  t: ExecutionContext,
  folder: string,
  options: OpenLogOptions = crashed,
): Promise<NativeLog> {
  const log = await openLog(join(folder, 'orders-0'), options)
  t.teardown(() => log.close().catch(() => undefined))
  return log
}

export function append(
  log: NativeLog,
  bytes: Uint8Array,
  options: Partial<AppendOptions> = {},
): Promise<AppendResult> {
  return log.append(bytes, { ...leader, ...options })
}

/** Base offsets of the whole batches in `bytes`. */
export function baseOffsets(bytes: Uint8Array): number[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const offsets: number[] = []
  for (let at = 0; at + 12 <= view.length; at += 12 + view.readInt32BE(at + 8)) {
    if (at + 12 + view.readInt32BE(at + 8) > view.length) break
    offsets.push(Number(view.readBigInt64BE(at)))
  }
  return offsets
}
