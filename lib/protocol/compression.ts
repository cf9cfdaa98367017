/**
 * Kafka's compressions of a batch's records. The packages are loaded when first used, and work on threads of
 * their own. What would decompress to more than allowed is refused before it is decompressed as a whole.
 */
import { promisify } from 'node:util'
import { CorruptBatchError } from './corrupt-batch-error.js'
import { KafkaError } from './errors.js'
import { lz4ContentBound } from './frame-bounds.js'
import { joinXerial, snappyContentSize, splitXerial, XERIAL_BLOCK_SIZE } from './xerial.js'
import type { Zstd } from './zstd.js'

export const compressionIds = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const
export type CompressionName = keyof typeof compressionIds
export const compressionNames = Object.keys(compressionIds) as readonly CompressionName[]

/** Compresses; `level` as in `compression.gzip.level`, `compression.lz4.level` and `compression.zstd.level`. */
export async function compress(
  codec: CompressionName,
  bytes: Uint8Array,
  level?: number,
): Promise<Uint8Array> {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzip(bytes, level)
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes, level)
    case 'zstd':
      return (await zstd()).compress(bytes, level ?? defaultZstdLevel)
  }
}

/**
 * Decompresses to `maxBytes` at most. Throws MESSAGE_TOO_LARGE beyond that, CorruptBatchError where the bytes are
 * not what the codec writes.
 */
export async function decompress(
  codec: CompressionName,
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  if (codec === 'none') return bytes
  // No codec makes nothing of nothing; some decompressors would.
  if (bytes.length === 0) throw new CorruptBatchError(`${codec}: no bytes`)
  let result: Uint8Array
  try {
    result = await decompressors[codec](bytes, maxBytes)
  } catch (error) {
    if (error instanceof KafkaError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(codec, maxBytes)
    throw new CorruptBatchError(`${codec}: ${(error as Error).message}`, { cause: error })
  }
  if (result.length > maxBytes) throw tooLarge(codec, maxBytes)
  return result
}

const decompressors = {
  gzip: gunzip,
  snappy: decompressSnappy,
  lz4: decompressLz4,
  zstd: decompressZstd,
}

function tooLarge(codec: CompressionName, maxBytes: number): KafkaError {
  return new KafkaError('MESSAGE_TOO_LARGE', `${codec}: decompresses to more than ${maxBytes} bytes`)
}

async function gzip(bytes: Uint8Array, level = -1): Promise<Uint8Array> {
  const zlib = await import('node:zlib')
  return promisify<Uint8Array, { level: number }, Buffer>(zlib.gzip)(bytes, { level })
}

async function gunzip(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const zlib = await import('node:zlib')
  return promisify<Uint8Array, { maxOutputLength: number }, Buffer>(zlib.gunzip)(bytes, {
    maxOutputLength: Math.max(1, maxBytes),
  })
}

async function compressSnappy(bytes: Uint8Array): Promise<Uint8Array> {
  const { compress: compressBlock } = await import('snappy')
  const blocks: Promise<Uint8Array>[] = []
  for (let at = 0; at < bytes.length; at += XERIAL_BLOCK_SIZE) {
    blocks.push(compressBlock(bytes.subarray(at, at + XERIAL_BLOCK_SIZE)))
  }
  return joinXerial(await Promise.all(blocks))
}

async function decompressSnappy(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const { uncompress } = await import('snappy')
  const blocks = splitXerial(bytes)
  let total = 0
  for (const block of blocks) {
    total += snappyContentSize(block)
    if (total > maxBytes) throw tooLarge('snappy', maxBytes)
  }
  const contents = await Promise.all(blocks.map((block) => uncompress(block) as Promise<Buffer>))
  return contents.length === 1 ? contents[0]! : Buffer.concat(contents)
}

async function compressLz4(bytes: Uint8Array, level?: number): Promise<Uint8Array> {
  if (level !== undefined && level !== defaultLz4Level) {
    if (!Number.isInteger(level) || level < 1 || level > 17) {
      throw new RangeError(`lz4 has levels 1 to 17, not ${level}`)
    }
    const { runOnCodecThread } = await import('./codec-thread.js')
    return (await runOnCodecThread({ kind: 'lz4', bytes, level }))!
  }
  const { compressFrame } = await import('lz4-napi')
  return compressFrame(bytes)
}

async function decompressLz4(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  // The last block may be shorter than its headers can say.
  const { bound, slack } = lz4ContentBound(bytes)
  if (bound - slack > maxBytes) throw tooLarge('lz4', maxBytes)
  const { decompressFrame } = await import('lz4-napi')
  return decompressFrame(bytes)
}

async function decompressZstd(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const result = await (await zstd()).decompress(bytes, maxBytes)
  if (result === null) throw tooLarge('zstd', maxBytes)
  return result
}

async function zstd(): Promise<Zstd> {
  const { loadZstd } = await import('./zstd.js')
  return loadZstd()
}

/** Kafka's defaults of `compression.lz4.level` and `compression.zstd.level`. */
const defaultLz4Level = 9
const defaultZstdLevel = 3
