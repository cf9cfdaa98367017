/**
 * Walks the two indexes of a segment beside its batches. What is checked is what look-ups rely on: a search that
 * starts where an index says must not have passed what it looks for.
 */
import type { Int64 } from '../../protocol/index.js'
import type { WalkedBatch } from './batch-walk.js'
import { type Fault, fault } from './fault.js'
import type { FileWindow } from './file-window.js'
import {
  OFFSET_ENTRY_SIZE,
  type OffsetEntry,
  offsetEntries,
  TIME_ENTRY_SIZE,
  type TimeEntry,
  timeEntries,
} from './index-entries.js'

/** Entries one at a time, the next one at hand. */
class Entries<T> {
  readonly #source: AsyncGenerator<T> | undefined
  next: T | undefined

  constructor(source: AsyncGenerator<T> | undefined) {
    this.#source = source
  }

  async advance(): Promise<T | undefined> {
    this.next = (await this.#source?.next())?.value ?? undefined
    return this.next
  }
}

export class IndexCheck {
  readonly #add: (found: Fault) => void
  readonly #offsetFile: FileWindow | undefined
  readonly #timeFile: FileWindow | undefined
  readonly #offsets: Entries<OffsetEntry>
  readonly #times: Entries<TimeEntry>
  #started = false
  #offsetBefore: Int64 = -1
  #timeBefore: { timestamp: Int64; offset: Int64 } | undefined
  /** Largest timestamp of all batches so far. */
  #maxTimestamp: Int64 = -1

  /** The files were opened before the segment, so that it holds at least what they speak of. */
  constructor(
    baseOffset: number,
    offsetFile: FileWindow | undefined,
    timeFile: FileWindow | undefined,
    add: (found: Fault) => void,
  ) {
    this.#add = add
    this.#offsetFile = offsetFile
    this.#timeFile = timeFile
    this.#offsets = new Entries(offsetFile && offsetEntries(offsetFile, baseOffset))
    this.#times = new Entries(timeFile && timeEntries(timeFile, baseOffset))
    for (const [file, size] of [
      [offsetFile, OFFSET_ENTRY_SIZE],
      [timeFile, TIME_ENTRY_SIZE],
    ] as const) {
      const stray = file === undefined ? 0 : file.size % size
      if (stray !== 0) add(this.#bad(file!, file!.size - stray, `${stray} bytes behind the last entry`))
    }
  }

  /** The next batch of the segment. */
  async pass(batch: WalkedBatch): Promise<void> {
    if (!this.#started) {
      this.#started = true
      await this.#offsets.advance()
      await this.#times.advance()
    }
    while (this.#offsets.next !== undefined && this.#offsets.next.position <= batch.position) {
      this.#checkOffset(this.#offsets.next, batch)
      await this.#offsets.advance()
    }
    // What a broken header says is no measure.
    if (!batch.isValid) return
    while (this.#times.next !== undefined && this.#times.next.offset < batch.lastOffset) {
      this.#checkTime(this.#times.next)
      await this.#times.advance()
    }
    if (batch.header.maxTimestamp > this.#maxTimestamp) this.#maxTimestamp = batch.header.maxTimestamp
    while (this.#times.next !== undefined && this.#times.next.offset === batch.lastOffset) {
      this.#checkTime(this.#times.next)
      await this.#times.advance()
    }
  }

  /** After the last batch: entries that are left speak of what is not there. */
  async finish(logSize: number): Promise<void> {
    if (!this.#started) {
      await this.#offsets.advance()
      await this.#times.advance()
    }
    const { next: offset } = this.#offsets
    if (offset !== undefined) {
      const problem = `the entry of offset ${offset.offset} says position ${offset.position} of ${logSize} bytes`
      this.#add(this.#bad(this.#offsetFile!, offset.at, problem))
    }
    const { next: time } = this.#times
    // A segment without batches may keep one entry, of the time at which it was rolled.
    if (time !== undefined && logSize > 0) {
      this.#add(
        this.#bad(this.#timeFile!, time.at, `the entry says offset ${time.offset}, behind the last batch`),
      )
    }
  }

  #checkOffset({ at, offset, position }: OffsetEntry, batch: WalkedBatch): void {
    const problem =
      position !== batch.position
        ? `the entry of offset ${offset} says position ${position}, where no batch begins`
        : batch.isValid && offset < batch.header.baseOffset
          ? `the entry of offset ${offset} leads to the batch of offset ${batch.header.baseOffset}`
          : offset <= this.#offsetBefore
            ? `offset ${offset} after ${this.#offsetBefore}`
            : undefined
    if (problem !== undefined) this.#add(this.#bad(this.#offsetFile!, at, problem))
    this.#offsetBefore = offset
  }

  #checkTime({ at, offset, timestamp }: TimeEntry): void {
    const before = this.#timeBefore
    const problem =
      before !== undefined && (timestamp < before.timestamp || offset < before.offset)
        ? `timestamp ${timestamp} of offset ${offset} after ${before.timestamp} of ${before.offset}`
        : timestamp < this.#maxTimestamp
          ? `timestamp ${timestamp} for all up to offset ${offset}, where there is ${this.#maxTimestamp}`
          : undefined
    if (problem !== undefined) this.#add(this.#bad(this.#timeFile!, at, problem))
    this.#timeBefore = { timestamp, offset }
  }

  #bad(file: FileWindow, at: number, problem: string): Fault {
    return fault('BAD_INDEX', file.path, at, problem)
  }
}
