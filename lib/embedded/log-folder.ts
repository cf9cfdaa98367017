/**
 * The state of a log that has its folder for itself: the lock, the checkpoints and the mark of a clean stop lie beside
 * the segments, in Kafka's forms.
 *
 * A corrupt checkpoint is passed over: the log is then scanned as a whole, and starts at its first segment or where
 * the other files say. One of a newer version is refused before anything is changed.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CorruptCheckpointError,
  encodeCheckpoint,
  readCheckpoint,
  UnsupportedCheckpointError,
} from '../log/checkpoint-file.js'
import { readCleanStop, removeCleanStop, writeCleanStop } from '../log/clean-stop.js'
import {
  LOCK_FILE,
  LOG_START_OFFSET_CHECKPOINT,
  LOGS_CHECKPOINT,
  META_PROPERTIES,
  PARTITION_METADATA,
  RECOVERY_POINT_CHECKPOINT,
} from '../log/log-file-names.js'
import { files } from '../native/index.js'
import type { FileLock, Files } from '../native/types.js'
import { LogError } from './log-error.js'
import type { LogHost, LogHostState } from './log-host.js'

export class LogFolder implements LogHost {
  readonly path: string
  recoveryPoint = -1
  cleanShutdown = false
  logStartOffset = 0
  readonly #lock: FileLock

  private constructor(path: string, lock: FileLock) {
    this.path = path
    this.#lock = lock
  }

  /**
   * Makes the folder if it is not there, takes its lock by `takeLock` and reads what the last owner left. The lock is
   * given back by `closed`, or where this rejects.
   */
  static async open(path: string, takeLock: (lockPath: string) => Promise<FileLock>): Promise<LogFolder> {
    await files.makeFolder(path)
    await refuseServedByKafka(path)
    const lock = await takeLock(join(path, LOCK_FILE))
    const folder = new LogFolder(path, lock)
    try {
      await folder.#read()
    } catch (error) {
      await lock.release()
      throw error
    }
    return folder
  }

  /** For a handle on a log that another one has opened. */
  static joined(path: string, lock: FileLock): LogFolder {
    return new LogFolder(path, lock)
  }

  async #read(): Promise<void> {
    await checkPartitionMetadata(this.path)
    const recoveryPoint = await readOffset(files, join(this.path, RECOVERY_POINT_CHECKPOINT))
    const logStartOffset = await readStartOffset(files, this.path)
    const mark = await readCleanStop(files, this.path)
    if (mark?.version !== undefined && !mark.isKnownVersion) throw newerVersion(mark.path, mark.version)
    this.recoveryPoint = recoveryPoint ?? -1
    this.logStartOffset = logStartOffset ?? 0
    this.cleanShutdown = mark?.isKnownVersion === true && recoveryPoint !== undefined
    if (mark) await removeCleanStop(files, this.path)
  }

  writeLogStartOffset(offset: number): Promise<void> {
    this.logStartOffset = offset
    return this.#write(LOG_START_OFFSET_CHECKPOINT, offset)
  }

  writeRecoveryPoint(recoveryPoint: number): Promise<void> {
    this.recoveryPoint = recoveryPoint
    return this.#write(RECOVERY_POINT_CHECKPOINT, recoveryPoint)
  }

  noteRecoveryPoint(recoveryPoint: number): Promise<void> {
    return this.writeRecoveryPoint(recoveryPoint)
  }

  #write(name: string, offset: number): Promise<void> {
    return files.writeAtomically(join(this.path, name), encodeCheckpoint([`log 0 ${offset}`]))
  }

  async closed({ isClean, recoveryPoint, logStartOffset }: LogHostState): Promise<void> {
    try {
      await this.writeRecoveryPoint(recoveryPoint)
      if (logStartOffset !== this.logStartOffset) await this.writeLogStartOffset(logStartOffset)
      if (!isClean) return
      await writeCleanStop(files, this.path)
    } finally {
      await this.#lock.release()
    }
  }
}

/** Throws NOT_A_FOLDER for a file; answers whether the folder is there. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  throw new LogError('NOT_A_FOLDER', `${path} is a file: a log needs a folder of its own`, { path })
}

/** A log in the folder of a broker or a directory of logs that is open must not be written to beside it. */
async function refuseServedByKafka(path: string): Promise<void> {
  const parent = join(path, '..')
  const names = [LOCK_FILE, META_PROPERTIES, LOGS_CHECKPOINT]
  const [locked, ...owners] = await Promise.all(names.map((name) => readText(join(parent, name))))
  if (locked === undefined || owners.every((text) => text === undefined)) return
  const lock = await files.lock(join(parent, LOCK_FILE))
  await lock.release()
}

async function checkPartitionMetadata(path: string): Promise<void> {
  const file = join(path, PARTITION_METADATA)
  const version = /^version: *(\d+)$/m.exec((await readText(file)) ?? '')?.[1]
  if (version !== undefined && version !== '0') throw newerVersion(file, version)
}

function newerVersion(path: string, version: unknown): LogError {
  return new LogError(
    'UNSUPPORTED_FORMAT',
    `${path} has version ${version}, and 0 is what this program knows: use the one that wrote it`,
    { path },
  )
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/** Undefined where there is no checkpoint, or none that can be read. Throws for one of a newer version. */
async function readOffset(layer: Files, path: string): Promise<number | undefined> {
  let lines: string[]
  try {
    lines = await readCheckpoint(layer, path)
  } catch (error) {
    const isNewer = error instanceof UnsupportedCheckpointError
    if (error instanceof CorruptCheckpointError && !isNewer) return undefined
    throw error
  }
  const offset = Number(/^\S+ 0 (\d{1,16})$/.exec(lines[0] ?? '')?.[1] ?? Number.NaN)
  return lines.length === 1 && Number.isSafeInteger(offset) ? offset : undefined
}

/** Where the log in the folder starts, by its checkpoint. */
export function readStartOffset(layer: Files, folder: string): Promise<number | undefined> {
  return readOffset(layer, join(folder, LOG_START_OFFSET_CHECKPOINT))
}
