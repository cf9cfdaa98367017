/** What logs and checkpoints are read and written with: the native engine, or a simulated disk in its place. */
import { readdir } from 'node:fs/promises'
import { files, openLog } from '../native/index.js'
import type { Files, NativeLog, OpenLogOptions } from '../native/types.js'

export interface StorageEngine {
  readonly files: Files
  openLog(folder: string, options: OpenLogOptions): Promise<NativeLog>
  /** The names of what lies in a folder. */
  readNames(folder: string): Promise<string[]>
}

export const nativeEngine: StorageEngine = { files, openLog, readNames: (folder) => readdir(folder) }
