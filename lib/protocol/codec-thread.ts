/**
 * One thread of the process for codecs written in JavaScript, started when first used. It keeps the process alive
 * only while it works.
 */
import { Worker } from 'node:worker_threads'

export type CodecJob =
  /** An LZ4 frame at a level other than the default. */
  | { kind: 'lz4'; bytes: Uint8Array; level: number }
  /** zstd with an exact bound; the result is null where more would come out. */
  | { kind: 'zstd'; bytes: Uint8Array; maxBytes: number }

interface Waiting {
  resolve(result: Uint8Array | null): void
  reject(error: Error): void
}

interface Answer {
  id: number
  result?: Uint8Array | null
  error?: Error
}

const waiting = new Map<number, Waiting>()
let worker: Worker | undefined
let nextId = 0

export function runOnCodecThread(job: CodecJob): Promise<Uint8Array | null> {
  worker ??= startWorker()
  const id = nextId++
  const promise = new Promise<Uint8Array | null>((resolve, reject) => waiting.set(id, { resolve, reject }))
  worker.ref()
  // Only the view's own bytes go along, not the frame that they may be part of.
  worker.postMessage({ id, job: { ...job, bytes: job.bytes.slice() } })
  return promise
}

function startWorker(): Worker {
  const started = new Worker(new URL('./codec-worker.js', import.meta.url))
  started.on('message', ({ id, result, error }: Answer) => {
    const job = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) job?.resolve(result ?? null)
    else job?.reject(error)
    if (waiting.size === 0) started.unref()
  })
  const fail = (error: Error) => {
    if (worker !== started) return
    worker = undefined
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  started.on('error', fail)
  started.on('exit', (code) => fail(new Error(`the codec thread ended with code ${code}`)))
  return started
}
