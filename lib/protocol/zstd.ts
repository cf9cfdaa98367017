/**
 * zstd by Node where it has it (22.15 and newer), else by packages. Both work on threads of their own.
 */
import { promisify } from 'node:util'
import { runOnCodecThread } from './codec-thread.js'
import { zstdContentBound } from './frame-bounds.js'

export interface Zstd {
  compress(bytes: Uint8Array, level: number): Promise<Uint8Array>
  /** Null where more than `maxBytes` would come out. */
  decompress(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | null>
}

interface ZlibWithZstd {
  zstdCompress?: unknown
  zstdDecompress?: unknown
  constants: { ZSTD_c_compressionLevel?: number }
}

let loaded: Promise<Zstd> | undefined

export function loadZstd(): Promise<Zstd> {
  loaded ??= import('node:zlib').then((zlib) => nodeZstd(zlib as unknown as ZlibWithZstd) ?? packagedZstd())
  return loaded
}

export function nodeZstd({ zstdCompress, zstdDecompress, constants }: ZlibWithZstd): Zstd | undefined {
  if (zstdCompress === undefined || zstdDecompress === undefined) return undefined
  const compress = promisify<Uint8Array, object, Buffer>(zstdCompress as never)
  const decompress = promisify<Uint8Array, object, Buffer>(zstdDecompress as never)
  return {
    compress: (bytes, level) => compress(bytes, { params: { [constants.ZSTD_c_compressionLevel!]: level } }),
    decompress: async (bytes, maxBytes) => {
      // Node takes a stream that was cut for a whole one; walking its blocks does not.
      zstdContentBound(bytes)
      return decompress(bytes, { maxOutputLength: Math.max(1, maxBytes) })
    },
  }
}

export async function packagedZstd(): Promise<Zstd> {
  const { Encoder, Decoder } = await import('@toondepauw/node-zstd')
  return {
    compress: (bytes, level) => new Encoder(level).encode(asBuffer(bytes)),
    decompress: async (bytes, maxBytes) => {
      // The package takes no bound. Where the blocks could hold too much, a slower decoder that counts takes over.
      if (zstdContentBound(bytes) <= maxBytes) return new Decoder().decode(asBuffer(bytes))
      return runOnCodecThread({ kind: 'zstd', bytes, maxBytes })
    },
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
