/**
 * `leader-epoch-checkpoint`: written after each change, one write at a time. A failure is no loss as long as the next start
 * reads the batches, which carry their epochs.
 */
import { join } from 'node:path'
import type { Logger } from 'pino'
import { encodeCheckpoint, readCheckpoint } from '../log/checkpoint-file.js'
import { LEADER_EPOCH_CHECKPOINT } from '../log/log-file-names.js'
import type { Files } from '../native/types.js'
import { LeaderEpochCache } from './leader-epoch-cache.js'

export class LeaderEpochFile {
  readonly #folder: string
  readonly #files: Files
  readonly #log: Logger
  #written: Promise<void> = Promise.resolve()
  #isBehind = false

  constructor(folder: string, files: Files, log: Logger) {
    this.#folder = folder
    this.#files = files
    this.#log = log
  }

  /** What the file says; nothing where it does not check out. */
  async read(): Promise<LeaderEpochCache> {
    try {
      const lines = await readCheckpoint(this.#files, join(this.#folder, LEADER_EPOCH_CHECKPOINT))
      return new LeaderEpochCache(
        lines.map((line) => {
          const [epoch, startOffset] = line.split(' ').map(Number)
          return { epoch: epoch!, startOffset: startOffset! }
        }),
      )
    } catch (error) {
      this.#log.warn({ err: error, folder: this.#folder }, 'leader epochs are read from the log instead')
      return new LeaderEpochCache()
    }
  }

  write(epochs: LeaderEpochCache): void {
    this.#written = this.#written
      .then(() => {
        const lines = epochs.entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)
        return this.#files.writeAtomically(
          join(this.#folder, LEADER_EPOCH_CHECKPOINT),
          encodeCheckpoint(lines),
        )
      })
      .then(() => {
        this.#isBehind = false
      })
      .catch((error: unknown) => {
        this.#isBehind = true
        this.#log.warn({ err: error, folder: this.#folder }, 'leader epochs could not be written')
      })
  }

  /** Resolves when nothing is being written; with whether the file says all that it was to say. */
  async settled(): Promise<boolean> {
    await this.#written
    return !this.#isBehind
  }
}
