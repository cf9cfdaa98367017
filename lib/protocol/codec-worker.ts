/** The thread that does what no package does on threads of its own; started by codec-thread.ts. */
import { parentPort } from 'node:worker_threads'
import { Decompress } from 'fzstd'
import type { CodecJob } from './codec-thread.js'
import { compressFrame } from './lz4-block.js'

parentPort!.on('message', ({ id, job }: { id: number; job: CodecJob }) => {
  try {
    const result =
      job.kind === 'lz4' ? compressFrame(job.bytes, job.level) : decompressZstd(job.bytes, job.maxBytes)
    parentPort!.postMessage({ id, result }, result === null ? [] : [result.buffer as ArrayBuffer])
  } catch (error) {
    parentPort!.postMessage({ id, error })
  }
})

class LimitReached extends Error {}

/** Null where more than `maxBytes` come out: it stops there. */
function decompressZstd(bytes: Uint8Array, maxBytes: number): Uint8Array | null {
  const chunks: Uint8Array[] = []
  let size = 0
  const stream = new Decompress((chunk) => {
    size += chunk.length
    if (size > maxBytes) throw new LimitReached()
    chunks.push(chunk.slice())
  })
  try {
    stream.push(bytes, true)
  } catch (error) {
    if (error instanceof LimitReached) return null
    throw error
  }
  const result = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    result.set(chunk, at)
    at += chunk.length
  }
  return result
}
