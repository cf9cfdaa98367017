/** The log that is read and sent: filled once, read by the engine and, as a plain file, by the raw side. */

import { join } from 'node:path'
import { LOG_SUFFIX, offsetFileName } from '../log/log-file-names.js'
import type { NativeLog } from '../native/index.js'
import { rawEvict, rawRead } from '../native/raw-disk.js'
import { readBatchBytes } from './amounts.js'
import { append, makeBatch, openFreshLog, resetOffset } from './engine-log.js'
import type { Pass } from './step.js'
import type { Workplace } from './workplace.js'

const fillBytes = 1_048_576
/** What stays of all files where the page cache is the file, as on tmpfs. */
const neverColdPart = 0.5
/** What may stay without a word. */
const warmPart = 0.01

export class ReadLog implements AsyncDisposable {
  readonly log: NativeLog
  /** Its only segment. */
  readonly path: string
  readonly bytes: number
  readonly #recordsPerBatch: number
  #canBeCold = false

  private constructor(log: NativeLog, bytes: number, recordsPerBatch: number) {
    this.log = log
    this.path = join(log.path, offsetFileName(0, LOG_SUFFIX))
    this.bytes = bytes
    this.#recordsPerBatch = recordsPerBatch
  }

  /** Fills a log of at most `bytes` in whole pieces of 1 MB, at least one. */
  static async fill(work: Workplace, bytes: number): Promise<ReadLog> {
    const log = await openFreshLog(work.folder, 'read')
    const batch = makeBatch(readBatchBytes)
    const piece = new Uint8Array(fillBytes)
    for (let at = 0; at < fillBytes; at += readBatchBytes) piece.set(batch.bytes, at)
    const pieces = Math.max(1, Math.floor(bytes / fillBytes))
    for (let i = 0; i < pieces; i++) {
      work.checkStopped()
      for (let at = 0; at < fillBytes; at += readBatchBytes) resetOffset(piece, at)
      await append(log, piece)
    }
    await log.flush()
    work.writtenBytes += pieces * fillBytes
    const filled = new ReadLog(log, pieces * fillBytes, batch.records)
    filled.#canBeCold = (await filled.makeCold()) < neverColdPart
    return filled
  }

  /** False where the page cache lets go of nothing. */
  get canBeCold(): boolean {
    return this.#canBeCold
  }

  /** Brings the file into the page cache, or out of it; notes what stays there. */
  async prepare(state: 'cached' | 'cold', { findings, work }: Pass): Promise<void> {
    work.checkStopped()
    if (state === 'cached') return this.makeCached()
    if ((await this.makeCold()) > warmPart) {
      findings.notes.add('Some of what was read cold stayed in the page cache: it may look too fast.')
    }
  }

  /** Offset of the first record in the batch at a position of the file. */
  offsetAt(position: number): number {
    return (position / readBatchBytes) * this.#recordsPerBatch
  }

  /** Drops the file from the page cache. Resolves to the part of it that stays there all the same. */
  async makeCold(): Promise<number> {
    return (await rawEvict(this.path)) / this.bytes
  }

  async makeCached(): Promise<void> {
    const all = { maxMs: Number.MAX_SAFE_INTEGER, maxBytes: this.bytes }
    await rawRead(this.path, {
      size: this.bytes,
      blockBytes: fillBytes,
      threads: 1,
      random: false,
      seed: 0,
      ...all,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.log.close()
  }
}
