/**
 * Plain system calls in a loop of C++, on a thread: what a disk and a socket do without an engine, for the disk
 * benchmark to set the engine beside. Sizes are bytes, rates are left to the caller.
 */

import { addon } from './addon.js'

interface RawAddon {
  rawWrite(path: string, block: number, bytes: number, threads: number): Promise<Float64Array>
  rawDurable(path: string, block: number, maxMs: number, maxBytes: number): Promise<Float64Array>
  rawRead(
    path: string,
    size: number,
    block: number,
    threads: number,
    random: boolean,
    seed: number,
    maxMs: number,
    maxBytes: number,
  ): Promise<Float64Array>
  rawEvict(path: string): Promise<Float64Array>
  rawWarm(path: string, bytes: number): Promise<Float64Array>
  rawSinkOpen(): Promise<Float64Array>
  rawSinkClose(descriptor: number): void
  rawSend(
    port: number,
    from: number,
    path: string,
    size: number,
    block: number,
    bytes: number,
  ): Promise<Float64Array>
}

const native = addon as RawAddon

/** No new operation begins after `maxMs`, nor after `maxBytes`. */
export interface RawBounds {
  readonly maxMs: number
  readonly maxBytes: number
}

export interface RawRun {
  readonly seconds: number
  readonly bytes: number
}

/**
 * `threads` threads write `bytes` in all by pwrite of `blockBytes`, each to the new file `path` with its number, then
 * fdatasync it. Resolves to the seconds until the last write and until the last fdatasync.
 */
export async function rawWrite(
  path: string,
  options: { blockBytes: number; bytes: number; threads: number },
): Promise<{ writtenSeconds: number; flushedSeconds: number }> {
  const result = await native.rawWrite(path, options.blockBytes, options.bytes, options.threads)
  return { writtenSeconds: result[0]!, flushedSeconds: result[1]! }
}

/** pwrite of `blockBytes` at the end of the new file `path`, fdatasync, and again. Latencies are ms. */
export async function rawDurable(
  path: string,
  blockBytes: number,
  bounds: RawBounds,
): Promise<RawRun & { latencies: Float64Array }> {
  const result = await native.rawDurable(path, blockBytes, bounds.maxMs, bounds.maxBytes)
  const count = result.length - 2
  return { latencies: result.subarray(0, count), seconds: result[count]!, bytes: result[count + 1]! }
}

/** Reads the first `size` bytes of a file by pread: each thread a stripe of its own, or random blocks. */
export async function rawRead(
  path: string,
  options: { size: number; blockBytes: number; threads: number; random: boolean; seed: number } & RawBounds,
): Promise<RawRun> {
  const { size, blockBytes, threads, random, seed, maxMs, maxBytes } = options
  const result = await native.rawRead(path, size, blockBytes, threads, random, seed, maxMs, maxBytes)
  return { seconds: result[0]!, bytes: result[1]! }
}

/** Makes the page cache lose the file (posix_fadvise). Resolves to what it still holds of it (mincore). */
export async function rawEvict(path: string): Promise<number> {
  return (await native.rawEvict(path))[0]!
}

/**
 * Takes `bytes` of memory into the page cache and gives them back: what is written next finds pages that this machine
 * has just used, and not pages that a virtual machine must first get from its host. Writes nothing to the disk.
 */
export async function rawWarm(path: string, bytes: number): Promise<void> {
  await native.rawWarm(path, bytes)
}

/** A listener on 127.0.0.1 whose thread reads and drops what comes. */
export interface RawSink {
  readonly port: number
  close(): void
}

export async function openRawSink(): Promise<RawSink> {
  const [descriptor, port] = await native.rawSinkOpen()
  return { port: port!, close: () => native.rawSinkClose(descriptor!) }
}

/** The order of RawSend in the engine. */
const sources = { memory: 0, sendfile: 1, copy: 2 } as const

/**
 * Sends `bytes` to a sink from a file's first `size` bytes, again and again; or from memory. Resolves to the seconds
 * until the sink has read all.
 */
export async function rawSend(
  port: number,
  from: keyof typeof sources,
  options: { path: string; size: number; blockBytes: number; bytes: number },
): Promise<number> {
  const { path, size, blockBytes, bytes } = options
  return (await native.rawSend(port, sources[from], path, size, blockBytes, bytes))[0]!
}
