/**
 * A folder of its own below the one that is measured: every measurement begins in a fresh folder and with warm memory,
 * and leaves nothing behind.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { files } from '../native/index.js'
import { rawWarm } from '../native/raw-disk.js'

/** Memory that a measurement takes beside what it writes: buffers, indexes, the journal. */
const warmMargin = 32_000_000

/** The folder cannot be measured; the message says why, and what to do. */
export class UnsuitableFolderError extends Error {
  override readonly name = 'UnsuitableFolderError'
}

export class Workplace {
  readonly folder: string
  writtenBytes = 0
  readonly #signal: AbortSignal | undefined
  readonly #removeAtExit: () => void
  #measurements = 0

  private constructor(folder: string, signal: AbortSignal | undefined) {
    this.folder = folder
    this.#signal = signal
    this.#removeAtExit = () => rmSync(folder, { recursive: true, force: true })
    process.on('exit', this.#removeAtExit)
  }

  /** Throws UnsuitableFolderError where `parent` cannot take `bytes`. */
  static async open(parent: string, bytes: number, signal?: AbortSignal): Promise<Workplace> {
    let folder: string
    try {
      const { bavail, bsize } = await statfs(parent)
      const free = bavail * bsize
      if (free < bytes) {
        throw new UnsuitableFolderError(
          `${parent} has ${megabytes(free)} free, and up to ${megabytes(bytes)} are written: ` +
            'free some, choose another folder with --dir or less with --size',
        )
      }
      folder = mkdtempSync(join(parent, '.odradek-bench-'))
    } catch (error) {
      throw unsuitable(parent, error)
    }
    return new Workplace(folder, signal)
  }

  /**
   * Runs `work` in a fresh folder, which goes afterwards; `bytes` is the most that it writes. Throws the signal's
   * reason where it was raised.
   */
  async measure<T>(bytes: number, work: (folder: string) => Promise<T>): Promise<T> {
    this.checkStopped()
    const folder = join(this.folder, `measurement-${++this.#measurements}`)
    await mkdir(folder)
    try {
      await rawWarm(join(this.folder, 'warm'), bytes + warmMargin)
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
      // What the removal makes the file system do is not for the next measurement to wait for.
      await files.syncFolder(this.folder)
    }
  }

  checkStopped(): void {
    this.#signal?.throwIfAborted()
  }

  async close(): Promise<void> {
    process.off('exit', this.#removeAtExit)
    await rm(this.folder, { recursive: true, force: true })
  }
}

const megabytes = (bytes: number) => `${Math.floor(bytes / 1e6).toLocaleString('en')} MB`

function unsuitable(parent: string, error: unknown): unknown {
  const say = (text: string) => new UnsuitableFolderError(`${parent} ${text}`, { cause: error })
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return say('is not there: make it, or choose another folder with --dir')
    case 'ENOTDIR':
      return say('is no folder: choose one with --dir')
    case 'EACCES':
    case 'EPERM':
      return say('cannot be written: no permission')
    case 'EROFS':
      return say('cannot be written: the file system is read-only')
    case 'ENOSPC':
    case 'EDQUOT':
      return say('cannot be written: the disk is full')
    default:
      return error
  }
}
