/** A log in a folder of the test's own, and what is in it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import {
  Log,
  LogError,
  type LogErrorCode,
  type LogOptions,
  type ReadOptions,
} from '../../lib/embedded/index.js'
import { addon } from '../../lib/native/addon.js'

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-log-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Closed with the test, unless the test has done so. */
export async function open(t: ExecutionContext, path: string, options?: LogOptions): Promise<Log> {
  const log = await Log.open(path, options)
  t.teardown(() => log.close().catch(() => {}))
  return log
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

export async function values(log: Pick<Log, 'read'>, options?: ReadOptions): Promise<string[]> {
  return (await collect(log.read(options))).map(({ value }) => String(value))
}

/** Appends one after the other, each a batch of its own. */
export async function fill(
  log: Pick<Log, 'append'>,
  count: number,
  value: (i: number) => string = String,
): Promise<void> {
  for (let i = 0; i < count; i++) await log.append({ value: value(i), timestamp: 1_000 + i })
}

export async function rejects(
  t: ExecutionContext,
  work: Promise<unknown> | (() => unknown),
  code: LogErrorCode,
  message?: RegExp,
): Promise<LogError> {
  const error = await t.throwsAsync(async () => (typeof work === 'function' ? work() : work), {
    instanceOf: LogError,
  })
  t.is(error?.code, code, error?.message)
  if (message) t.regex(error!.message, message)
  return error!
}

export interface Fault {
  operation: 'open' | 'read' | 'write' | 'sync' | 'truncate' | 'rename' | 'unlink' | 'syncFolder'
  path: string
  after?: number
  times?: number
  errno: number
}

/** Makes the file layer fail from now on; tests that use it run one after the other. */
export function setFaults(faults: Fault[]): void {
  ;(addon as { setFaults(faults: Fault[]): void }).setFaults(faults)
}
