/**
 * Many logs in one folder: one lock, one checkpoint, one timer for all of them. A log costs memory and descriptors
 * while it is in use; of those that are not, the directory knows a name and three numbers.
 */
import { readdir, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Turns } from '../concurrency/turns.js'
import { readCleanStop, removeCleanStop, writeCleanStop } from '../log/clean-stop.js'
import {
  DELETED_FOLDER_SUFFIX,
  LOCK_FILE,
  LOGS_CHECKPOINT,
  META_PROPERTIES,
  movedFolderName,
} from '../log/log-file-names.js'
import { files } from '../native/index.js'
import type { FileLock } from '../native/types.js'
import { clearInterval, setInterval, type Timer } from '../time/index.js'
import { DirectoryLog, type LogKeeper } from './directory-log.js'
import { DirectoryLogHost } from './directory-log-host.js'
import { Log } from './log.js'
import { LogError, toLogError } from './log-error.js'
import { isFolder } from './log-folder.js'
import { checkLogName, isLogName } from './log-name.js'
import { type LogOptions, type ResolvedLogOptions, resolveOptions } from './log-options.js'
import { LogsCheckpoint } from './logs-checkpoint.js'

/** How the logs of a directory are kept: what `Log.open` takes, but for `readOnly`. */
export interface LogDirectoryOptions extends Omit<LogOptions, 'readOnly'> {
  /** So many logs stay open; the one not used for longest is closed until it is used again. Default 4,096. */
  maxOpenLogs?: number
}

const defaultMaxOpenLogs = 4_096
/** Logs that are being opened at the same time: the engine has fewer threads for it. */
const openedAtOnce = 64
/** Maintenance rounds begun before the event loop has its turn. */
const roundsAtOnce = 100
/** Logs that are not in use and are opened for retention's sake, in one round. */
const sweptAtOnce = 100

/** A folder of logs, opened by `LogDirectory.open`. One process writes to it at a time. */
export class LogDirectory {
  /** The folder, links resolved. */
  readonly path: string
  readonly #lock: FileLock
  readonly #options: LogOptions
  readonly #resolved: ResolvedLogOptions
  readonly #maxOpenLogs: number
  readonly #checkpoint: LogsCheckpoint
  readonly #logs = new Map<string, DirectoryLog>()
  /** The one not used for longest first. */
  readonly #opened = new Set<DirectoryLog>()
  readonly #resting = new Set<Promise<void>>()
  readonly #rounds = new Map<string, () => void>()
  /** Deleted, and still in the checkpoint, which could not be written. */
  readonly #stale = new Set<string>()
  readonly #turns = new Turns(openedAtOnce)
  readonly #keeper: LogKeeper
  readonly #deleting = new Map<string, Promise<boolean>>()
  readonly #timer: Timer
  #maintenance: Promise<void> | undefined
  #sweep: Iterator<string> | undefined
  #closing: Promise<void> | undefined
  /** Why the checkpoint could not be written the last time; it is tried again. */
  maintenanceFailure: LogError | undefined

  private constructor(
    path: string,
    lock: FileLock,
    options: LogDirectoryOptions,
    checkpoint: LogsCheckpoint,
  ) {
    const { maxOpenLogs = defaultMaxOpenLogs, ...logOptions } = options
    this.path = path
    this.#lock = lock
    this.#options = logOptions
    this.#resolved = resolveOptions(logOptions)
    this.#maxOpenLogs = maxOpenLogs
    this.#checkpoint = checkpoint
    this.#keeper = {
      maxPendingBytes: this.#resolved.maxPendingBytes,
      open: (log) => this.#open(log),
      touch: (log) => {
        this.#opened.delete(log)
        this.#opened.add(log)
      },
      forget: (log) => {
        this.#opened.delete(log)
        if (this.#logs.get(log.name) === log) this.#logs.delete(log.name)
      },
    }
    this.#timer = setInterval(() => this.#maintain(), this.#resolved.maintenanceIntervalMs).unref()
  }

  /**
   * Opens the directory in folder `path`, which is made if it is not there. No log is opened: each is when it is used
   * first, and recovered then if it has to be. The options are those of all its logs. Rejects with a LogError: LOCKED,
   * INVALID_OPTION, NOT_A_FOLDER, PERMISSION_DENIED, UNSUPPORTED_FORMAT, NO_SPACE, IO.
   */
  static async open(path: string, options: LogDirectoryOptions = {}): Promise<LogDirectory> {
    checkOptions(path, options)
    let lock: FileLock | undefined
    try {
      let absolute = resolve(path)
      if (await isFolder(absolute)) absolute = await realpath(absolute)
      await files.makeFolder(absolute)
      const entries = await readdir(absolute, { withFileTypes: true })
      if (entries.some(({ name }) => name === META_PROPERTIES)) throw brokersFolder(absolute)
      lock = await files.lock(join(absolute, LOCK_FILE))
      const checkpoint = await readState(absolute)
      return new LogDirectory(absolute, lock, options, checkpoint)
    } catch (error) {
      await lock?.release()
      throw toLogError(error, path)
    }
  }

  /**
   * The log of this name; there is one handle for each. It is opened when it is used first, and made if it is not
   * there. Throws INVALID_NAME and CLOSED.
   */
  log(name: string): DirectoryLog {
    checkLogName(name)
    this.#refuseClosed()
    let log = this.#logs.get(name)
    if (log === undefined) {
      log = new DirectoryLog(name, join(this.path, name), this.#keeper, () => this.#checkpoint.get(name))
      this.#logs.set(name, log)
    }
    return log
  }

  /** Whether there is such a log. */
  has(name: string): boolean {
    return this.#checkpoint.get(name) !== undefined
  }

  /** How many logs there are. */
  get size(): number {
    return this.#checkpoint.size
  }

  /** How many of them are open at the moment. */
  get openLogs(): number {
    return this.#opened.size
  }

  /** The names of the logs that there are, in no order. */
  names(): string[] {
    return [...this.#checkpoint.names()]
  }

  /** Names and logs. */
  *[Symbol.iterator](): IterableIterator<[string, DirectoryLog]> {
    for (const name of this.names()) if (this.has(name)) yield [name, this.log(name)]
  }

  /**
   * Removes a log with all that is in it. Its handle is closed; the name can be used again when this resolves. False
   * where there is no such log.
   */
  delete(name: string): Promise<boolean> {
    try {
      checkLogName(name)
      this.#refuseClosed()
    } catch (error) {
      return Promise.reject(error)
    }
    const before = this.#deleting.get(name)
    if (before) return before
    const deleting = this.#delete(name).finally(() => this.#deleting.delete(name))
    this.#deleting.set(name, deleting)
    return deleting
  }

  async #delete(name: string): Promise<boolean> {
    await this.#logs
      .get(name)
      ?.close()
      .catch(() => {})
    const folder = join(this.path, name)
    if (!(await isFolder(folder))) return false
    const going = join(this.path, movedFolderName(name, DELETED_FOLDER_SUFFIX))
    try {
      await files.rename(folder, going)
      await files.syncFolder(this.path)
      this.#checkpoint.remove(name)
      this.#stale.add(name)
      // A log of this name that is made now must not be taken for the one of before.
      await this.#checkpoint.write()
      this.#stale.delete(name)
    } catch (error) {
      throw toLogError(error, folder)
    }
    // What cannot be removed now is removed by the next opening.
    files.removeFolder(going).catch(() => {})
    return true
  }

  /** Resolves when all that was appended to any of the logs before the call is on disk. */
  async flush(): Promise<void> {
    this.#refuseClosed()
    const open = [...this.#opened].map((log) => log.flush())
    await Promise.all([...open, ...this.#resting])
  }

  /** Closes all logs, and leaves a mark, so that the next opening scans nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer)
    try {
      await this.#maintenance
      await Promise.allSettled(this.#deleting.values())
      const closed = await Promise.allSettled([...this.#logs.values()].map((log) => log.close()))
      await Promise.allSettled(this.#resting)
      await this.#checkpoint.write()
      await writeCleanStop(files, this.path)
      for (const result of closed) if (result.status === 'rejected') throw result.reason
    } catch (error) {
      throw toLogError(error, this.path)
    } finally {
      await this.#lock.release()
    }
  }

  #refuseClosed(): void {
    if (!this.#closing) return
    throw new LogError('CLOSED', `${this.path}: the directory was closed: open it again`, { path: this.path })
  }

  async #open(log: DirectoryLog): Promise<Log> {
    const { name, path } = log
    await this.#deleting.get(name)?.catch(() => {})
    if (this.#stale.has(name)) {
      await this.#checkpoint.write()
      this.#stale.delete(name)
    }
    await this.#turns.take()
    const isNew = !this.has(name)
    try {
      await this.#makeRoom()
      const state = this.#checkpoint.add(name)
      const opened = await Log.openOn(
        path,
        new DirectoryLogHost(state, this.#checkpoint, this.#rounds),
        this.#options,
      )
      this.#opened.add(log)
      return opened
    } catch (error) {
      if (isNew) this.#checkpoint.remove(name)
      throw toLogError(error, path)
    } finally {
      this.#turns.giveBack()
    }
  }

  /** For one more. Where all are in use there are too many open for a while. */
  async #makeRoom(): Promise<void> {
    let surplus = this.#opened.size + 1 - this.#maxOpenLogs
    if (surplus <= 0) return
    const made: Promise<void>[] = []
    for (const log of this.#opened) {
      if (!log.isIdle) continue
      this.#opened.delete(log)
      const resting: Promise<void> = log
        .rest()
        // The log is recovered when it is used again, and says then what is wrong with it.
        .catch(() => {})
        .finally(() => this.#resting.delete(resting))
      this.#resting.add(resting)
      made.push(resting)
      if (--surplus <= 0) break
    }
    await Promise.all(made)
  }

  #maintain(): void {
    this.#maintenance ??= this.#round().finally(() => {
      this.#maintenance = undefined
    })
  }

  async #round(): Promise<void> {
    let begun = 0
    for (const round of [...this.#rounds.values()]) {
      round()
      if (++begun % roundsAtOnce === 0) await setImmediate()
    }
    try {
      await this.#sweepIdle()
      if (this.#checkpoint.isDirty) await this.#checkpoint.write()
      this.maintenanceFailure = undefined
    } catch (error) {
      this.maintenanceFailure = toLogError(error, this.path)
    }
  }

  /** Records grow old in logs that nobody uses too: these are looked at in turn. */
  async #sweepIdle(): Promise<void> {
    if (this.#resolved.retentionMs === Number.POSITIVE_INFINITY) return
    this.#sweep ??= this.names().values()
    const swept: Promise<void>[] = []
    while (swept.length < Math.min(sweptAtOnce, this.#maxOpenLogs) && !this.#closing) {
      const next = this.#sweep.next()
      if (next.done) {
        this.#sweep = undefined
        break
      }
      const state = this.#checkpoint.get(next.value)
      if (state === undefined || state.sizeInBytes === 0 || this.#rounds.has(next.value)) continue
      swept.push(
        this.log(next.value)
          .ready()
          .then(() => this.#rounds.get(next.value)?.()),
      )
    }
    const failed = (await Promise.allSettled(swept)).find(({ status }) => status === 'rejected')
    if (failed) throw (failed as PromiseRejectedResult).reason
  }
}

/** Reads the checkpoint, takes the mark of a clean stop away, and sends off what was being deleted. */
async function readState(path: string): Promise<LogsCheckpoint> {
  const entries = await readdir(path, { withFileTypes: true })
  const folders: string[] = []
  const wasCleanlyClosed = (await readCleanStop(files, path)) !== undefined
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    if (isLogName(entry.name)) folders.push(entry.name)
    else if (entry.name.endsWith(DELETED_FOLDER_SUFFIX))
      files.removeFolder(join(path, entry.name)).catch(() => {})
  }
  const checkpoint = new LogsCheckpoint(path)
  await checkpoint.read(folders, wasCleanlyClosed)
  if (wasCleanlyClosed) {
    await removeCleanStop(files, path)
  } else if (!entries.some(({ name }) => name === LOGS_CHECKPOINT)) {
    // Says from now on that logs which it does not name are new.
    await checkpoint.write()
  }
  return checkpoint
}

function checkOptions(path: string, options: LogDirectoryOptions): void {
  if (typeof path !== 'string' || path === '') {
    throw new LogError('INVALID_OPTION', 'path is the path of a folder', { option: 'path' })
  }
  if ((options as LogOptions)?.readOnly !== undefined) {
    throw new LogError('INVALID_OPTION', 'readOnly is not for directories: open its logs one by one', {
      option: 'readOnly',
    })
  }
  const { maxOpenLogs = defaultMaxOpenLogs, ...logOptions } = options ?? {}
  resolveOptions(options === null ? (options as unknown as LogOptions) : logOptions)
  if (!Number.isSafeInteger(maxOpenLogs) || maxOpenLogs < 1) {
    throw new LogError(
      'INVALID_OPTION',
      `maxOpenLogs is a whole number from 1 on, not ${String(maxOpenLogs)}`,
      {
        option: 'maxOpenLogs',
      },
    )
  }
}

function brokersFolder(path: string): LogError {
  return new LogError('UNSUPPORTED_FORMAT', `${path} is the data folder of a broker: give another folder`, {
    path,
  })
}
