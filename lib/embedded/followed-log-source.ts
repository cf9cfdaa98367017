/**
 * A log that another process (or another part of this one) writes, read without its lock.
 *
 * The writer publishes how far it may be read in a file beside the segments: with `fsync` up to what is on disk. Its
 * folder is watched, so that a record is seen as soon as it is published; where watching is not possible, and as a
 * safety net, the folder is looked at in intervals.
 */
import { type FSWatcher, watch } from 'node:fs'
import { LOG_SUFFIX, PROGRESS_FILE } from '../log/log-file-names.js'
import { files, followLog } from '../native/index.js'
import type { FollowedLog, NativeLog } from '../native/types.js'
import { clearInterval, setInterval, type Timer } from '../time/index.js'
import { toLogError } from './log-error.js'
import { readStartOffset } from './log-folder.js'
import { ReadableLogSource } from './log-source.js'

/** Between looks at a folder that is watched, and at one that cannot be. */
const safetyIntervalMs = 1_000
const pollIntervalMs = 50

export class FollowedLogSource extends ReadableLogSource {
  readonly path: string
  readonly #log: FollowedLog
  readonly #timer: Timer
  readonly #watcher: FSWatcher | undefined
  #looking: Promise<void> | undefined
  #isStale = false
  #hasNewFiles = true
  startOffset = 0

  private constructor(path: string) {
    super()
    this.path = path
    this.#log = followLog(path)
    this.#watcher = this.#watch()
    const interval = this.#watcher ? safetyIntervalMs : pollIntervalMs
    this.#timer = setInterval(() => this.#look(true), interval).unref()
  }

  /** Throws where the folder is not there, or may not be read. */
  static async open(path: string): Promise<FollowedLogSource> {
    const source = new FollowedLogSource(path)
    try {
      await source.#refresh()
    } catch (error) {
      await source.close()
      throw error
    }
    return source
  }

  get native(): NativeLog {
    return this.#log.native
  }

  get endOffset(): number {
    return Math.max(this.native.logEndOffset, this.startOffset)
  }

  /** Lets go of the files. */
  async close(): Promise<void> {
    this.isClosed = true
    clearInterval(this.#timer)
    this.#watcher?.close()
    this.wake()
    await this.native.close()
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.path, { persistent: false }, (event, name) => {
        // Segments and checkpoints come and go by renames; records come with the writer's progress, or (where it says
        // nothing of it) with the segment.
        if (event === 'rename') this.#look(true)
        else if (name === PROGRESS_FILE || name?.endsWith(LOG_SUFFIX)) this.#look(false)
      })
      watcher.on('error', () => watcher.close())
      return watcher
    } catch {
      return undefined
    }
  }

  /** Refreshes soon, once for all that has happened until then. */
  #look(hasNewFiles: boolean): void {
    this.#hasNewFiles ||= hasNewFiles
    this.#isStale = true
    if (this.#looking || this.isClosed) return
    // A folder that cannot be read now is looked at again by the next event or in the next interval.
    this.#looking = this.#lookUntilFresh()
      .catch(() => {})
      .finally(() => {
        this.#looking = undefined
      })
  }

  async #lookUntilFresh(): Promise<void> {
    while (this.#isStale && !this.isClosed) {
      this.#isStale = false
      await this.#refresh()
    }
  }

  async #refresh(): Promise<void> {
    const hasNewFiles = this.#hasNewFiles
    this.#hasNewFiles = false
    const before = this.endOffset
    try {
      const { logStartOffset, cuts } = await this.#log.refresh(hasNewFiles)
      const stored = hasNewFiles ? await readStartOffset(files, this.path) : 0
      const { firstSegmentOffset } = this.native
      this.startOffset = Math.max(this.startOffset, logStartOffset, stored ?? 0, firstSegmentOffset)
      if (this.cuts !== cuts) this.cuts = cuts
      else if (this.endOffset === before) return
    } catch (error) {
      this.#hasNewFiles = true
      throw toLogError(error, this.path)
    }
    this.wake()
  }

  protected refresh(): Promise<void> {
    this.#hasNewFiles = true
    return this.#refresh()
  }
}
