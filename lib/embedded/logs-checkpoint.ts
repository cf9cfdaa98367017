/**
 * What a directory knows of its logs between two openings: one file for all of them, in the form of Kafka's
 * checkpoints. A line is `name logStartOffset recoveryPoint sizeInBytes`; the size is −1 where the log was not closed
 * cleanly, and is believed only beside the mark of a clean stop.
 */
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  CorruptCheckpointError,
  encodeCheckpoint,
  readCheckpoint,
  UnsupportedCheckpointError,
} from '../log/checkpoint-file.js'
import { LOGS_CHECKPOINT } from '../log/log-file-names.js'
import { files } from '../native/index.js'

/** Of one log. */
export interface LogState {
  readonly name: string
  logStartOffset: number
  /** All below it is on disk. −1: nothing is known. */
  recoveryPoint: number
  /** −1 while the log is open, and where it was not closed cleanly. */
  sizeInBytes: number
}

/** Lines made before the event loop has its turn. */
const linesAtOnce = 5_000

export class LogsCheckpoint {
  readonly #path: string
  readonly #states = new Map<string, LogState>()
  /** Of logs that the file does not name: 0, they are new, or −1 where there is no file to tell. */
  #recoveryPointOfOthers = -1
  #last: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  /** Something has changed since the last write began that the next opening would like to know. */
  isDirty = false

  constructor(folder: string) {
    this.#path = join(folder, LOGS_CHECKPOINT)
  }

  get size(): number {
    return this.#states.size
  }

  names(): IterableIterator<string> {
    return this.#states.keys()
  }

  get(name: string): LogState | undefined {
    return this.#states.get(name)
  }

  /** Reads what is known of the logs in `folders`; the sizes only after a clean stop. */
  async read(folders: readonly string[], wasCleanlyClosed: boolean): Promise<void> {
    const lines = await this.#lines()
    if (lines !== undefined) this.#recoveryPointOfOthers = 0
    const known = new Map<string, LogState>()
    for (const line of lines ?? []) {
      const [name, start, recoveryPoint, size] = line.split(' ')
      known.set(name!, {
        name: name!,
        logStartOffset: Number(start),
        recoveryPoint: Number(recoveryPoint),
        sizeInBytes: wasCleanlyClosed ? Number(size) : -1,
      })
    }
    for (const name of folders) this.#states.set(name, known.get(name) ?? this.#unknown(name))
  }

  /** Undefined where there is none, or none that can be read. One of a newer version is refused. */
  async #lines(): Promise<string[] | undefined> {
    try {
      const lines = await readCheckpoint(files, this.#path)
      return lines.every((line) => /^\S+ \d{1,16} (-1|\d{1,16}) (-1|\d{1,16})$/.test(line))
        ? lines
        : undefined
    } catch (error) {
      if (error instanceof CorruptCheckpointError && !(error instanceof UnsupportedCheckpointError))
        return undefined
      throw error
    }
  }

  #unknown(name: string): LogState {
    return { name, logStartOffset: 0, recoveryPoint: this.#recoveryPointOfOthers, sizeInBytes: -1 }
  }

  /** The state of a log that is made now, or of the one that is there. */
  add(name: string): LogState {
    let state = this.#states.get(name)
    if (state === undefined) {
      state = { name, logStartOffset: 0, recoveryPoint: 0, sizeInBytes: -1 }
      this.#states.set(name, state)
    }
    return state
  }

  remove(name: string): void {
    this.#states.delete(name)
  }

  /** Resolves when all that is known at the time of the call is on disk. Calls share a write. */
  write(): Promise<void> {
    this.#next ??= this.#writeAfter(this.#last)
    return this.#next
  }

  async #writeAfter(last: Promise<void>): Promise<void> {
    // The failure of the one before is for those who waited for it.
    await last.catch(() => {})
    this.#last = this.#next!
    this.#next = undefined
    this.isDirty = false
    try {
      const lines: string[] = []
      for (const { name, logStartOffset, recoveryPoint, sizeInBytes } of [...this.#states.values()]) {
        lines.push(`${name} ${logStartOffset} ${recoveryPoint} ${sizeInBytes}`)
        if (lines.length % linesAtOnce === 0) await setImmediate()
      }
      await files.writeAtomically(this.#path, encodeCheckpoint(lines))
    } catch (error) {
      this.isDirty = true
      throw error
    }
  }
}
