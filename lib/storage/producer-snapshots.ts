/**
 * The `.snapshot` files of a partition: producer state as it was at an offset, so that a start need not read the
 * whole log. One write at a time, the oldest first. A failure is no loss: the batches say the same.
 */
import { join } from 'node:path'
import type { Logger } from 'pino'
import { offsetFileName, offsetOfFileName, PRODUCER_SNAPSHOT_SUFFIX } from '../log/log-file-names.js'
import type { Files } from '../native/types.js'
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.js'
import type { ProducerState } from './producer-state.js'

export class ProducerSnapshots {
  readonly #folder: string
  readonly #files: Files
  readonly #log: Logger
  #offsets: number[] = []
  #work: Promise<void> = Promise.resolve()

  constructor(folder: string, files: Files, log: Logger) {
    this.#folder = folder
    this.#files = files
    this.#log = log
  }

  /** Resolves when all that was asked for is written. */
  settled(): Promise<void> {
    return this.#work
  }

  /**
   * Of producer state as it is now; files that nobody needs below `firstOffset()` go. A start passes over what lies below
   * a snapshot: none is written unless `isRestKnown` says that all else that would be read there is on disk.
   */
  take(
    offset: number,
    producers: ProducerState,
    firstOffset: () => number,
    isRestKnown: () => Promise<boolean>,
  ): Promise<void> {
    const bytes = encodeProducerSnapshot(producers.summaries(offset))
    this.#work = this.#work.then(async () => {
      if (await isRestKnown()) await this.#write(offset, bytes, firstOffset)
    })
    return this.#work
  }

  /** Keeps the newest snapshot and those that stand at or above `offset`. */
  async drop(offset: number): Promise<void> {
    const newest = Math.max(-1, ...this.#offsets)
    await this.#remove((at) => at < offset && at !== newest)
  }

  /**
   * Brings `producers` to the newest whole snapshot among the folder's `names` that stands neither above `end` nor
   * above `newest`, and resolves with its offset, or with `first` where there is none. Snapshots above `end` were
   * taken of a tail that was cut: they go. REQUIRES: nothing is being written.
   */
  async restore(
    names: readonly string[],
    producers: ProducerState,
    { first, end, newest }: { first: number; end: number; newest: number },
  ): Promise<number> {
    const found = names.map((name) => offsetOfFileName(name, PRODUCER_SNAPSHOT_SUFFIX))
    this.#offsets = found.filter((offset) => offset !== undefined).sort((a, b) => a - b)
    for (const offset of this.#offsets.toReversed()) {
      if (offset > newest && offset <= end) continue
      const path = this.#path(offset)
      const summaries = offset <= end ? decodeProducerSnapshot(await this.#files.read(path)) : null
      if (summaries) {
        for (const summary of summaries) producers.restore(summary)
        return Math.max(first, offset)
      }
      // Taken of a tail that was cut, or torn.
      await this.#files.remove(path)
      this.#offsets = this.#offsets.filter((each) => each !== offset)
    }
    return first
  }

  async #write(offset: number, bytes: Uint8Array, firstOffset: () => number): Promise<void> {
    if (this.#offsets.at(-1) === offset) return
    try {
      await this.#files.writeAtomically(this.#path(offset), bytes)
      this.#offsets.push(offset)
      await this.drop(firstOffset())
    } catch (error) {
      this.#log.warn({ err: error, folder: this.#folder, offset }, 'producer state could not be written')
    }
  }

  async #remove(goes: (offset: number) => boolean): Promise<void> {
    const dropped = this.#offsets.filter(goes)
    this.#offsets = this.#offsets.filter((at) => !dropped.includes(at))
    for (const at of dropped) await this.#files.remove(this.#path(at))
  }

  #path(offset: number): string {
    return join(this.#folder, offsetFileName(offset, PRODUCER_SNAPSHOT_SUFFIX))
  }
}
