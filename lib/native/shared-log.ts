/**
 * The one engine log that all handles of this process have on a folder, whatever thread they are in. A handle takes
 * its turn to open the log or join those who have it open, to do what only one may do at a time, and to close it or
 * leave it to the others. A handle whose thread ends leaves; after the last, the log is as after a crash.
 */
import type { LogHandle } from './binding.js'
import { run } from './completions.js'
import { Log } from './log.js'
import type { NativeLog, OpenLogOptions } from './types.js'

const nothing = (): undefined => undefined

export class SharedLog {
  readonly #log: Log
  #handle!: LogHandle

  /** REQUIRES: `path` is the folder's real path. Nothing is opened yet. */
  constructor(path: string) {
    this.#log = new Log(path, (handle) => {
      this.#handle = handle
    })
  }

  /** The log, once it was opened or joined. `close` is for the last handle only. */
  get native(): NativeLog {
    return this.#log
  }

  /** Resolves when it is this handle's turn, until `release`. */
  acquire(): Promise<void> {
    return run((id) => this.#handle.acquire(id), nothing)
  }

  release(): void {
    this.#handle.release()
  }

  /** What `share` was given; undefined where nobody has the log open. REQUIRES: the turn, as all below do. */
  get note(): string | undefined {
    return this.#handle.note ?? undefined
  }

  /** Takes an F_OFD_SETLK write lock on the file, for as long as the log is shared. Rejects LOCKED. */
  lockFolder(lockPath: string): Promise<void> {
    return run((id) => this.#handle.lockFolder(id, lockPath), nothing)
  }

  open(options: OpenLogOptions): Promise<void> {
    return this.#log.open(options)
  }

  /** The log is open: others may join, and read the note. */
  share(note: string, isToldOfAppends: boolean): void {
    this.#handle.share(note, isToldOfAppends)
  }

  join(): void {
    this.#handle.join()
  }

  /** How many handles still have the log open. */
  leave(): number {
    return this.#handle.leave()
  }

  /** The last has closed the log, or it could not be opened: gives the lock back. */
  clear(): void {
    this.#handle.clear()
  }

  /** The handle is done. */
  end(): void {
    this.#handle.end()
    this.#log.forget()
  }

  /** One of those who have the log open, for what one is enough for. */
  get isFirst(): boolean {
    return this.#handle.isFirst
  }

  /** The log's start offset, the same for all. */
  get startOffset(): number {
    return this.#handle.sharedStart
  }

  set startOffset(offset: number) {
    this.#handle.sharedStart = offset
  }
}
