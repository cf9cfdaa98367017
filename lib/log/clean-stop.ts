/**
 * The mark of a clean stop, `.kafka_cleanshutdown` in Kafka's form (KIP-966): everything in the folder was on disk when
 * its owner stopped, so that the next one need not scan. Owners write it last, and remove it before they write anything
 * else.
 */
import { join } from 'node:path'
import type { Files } from '../native/types.js'
import { CLEAN_SHUTDOWN_FILE } from './log-file-names.js'

const version = 0
const ENOENT = 2

export interface CleanStop {
  readonly path: string
  /** Undefined where the mark does not say: Kafka left it empty before version 3.7. */
  readonly version: number | undefined
  readonly isKnownVersion: boolean
}

/** Undefined where the last owner did not stop cleanly. */
export async function readCleanStop(files: Files, folder: string): Promise<CleanStop | undefined> {
  const path = join(folder, CLEAN_SHUTDOWN_FILE)
  try {
    const found = versionIn(await files.read(path))
    return { path, version: found, isKnownVersion: found === version }
  } catch (error) {
    if ((error as { errno?: number }).errno === ENOENT) return undefined
    throw error
  }
}

/** Durable when it resolves. */
export async function writeCleanStop(files: Files, folder: string): Promise<void> {
  const mark = JSON.stringify({ version, brokerEpoch: -1 })
  await files.writeAtomically(join(folder, CLEAN_SHUTDOWN_FILE), Buffer.from(mark))
}

/** Durable when it resolves: from then on a crash is not taken for a clean stop. */
export async function removeCleanStop(files: Files, folder: string): Promise<void> {
  await files.remove(join(folder, CLEAN_SHUTDOWN_FILE))
  await files.syncFolder(folder)
}

function versionIn(bytes: Uint8Array): number | undefined {
  try {
    const { version: found } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { version?: unknown }
    return typeof found === 'number' ? found : undefined
  } catch {
    return undefined
  }
}
