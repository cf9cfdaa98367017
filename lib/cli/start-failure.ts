/** Says in one line why a broker did not start, and what to do about it. */

import { join } from 'node:path'

/** The same error where nothing clearer can be said. */
export function startFailure(error: unknown, settings: ReadonlyMap<string, string>): unknown {
  if (!(error instanceof Error)) return error
  const { code, port, address, path, errno } = error as Error & {
    code?: string
    port?: number
    address?: string
    path?: string
    errno?: number
  }
  const dataDir = settings.get('log.dirs') ?? settings.get('log.dir') ?? 'data'
  const say = (text: string) => new Error(text, { cause: error })
  switch (code) {
    case 'EADDRINUSE':
      return say(`port ${port} of ${address ?? 'every interface'} is in use: choose another with --port`)
    case 'EADDRNOTAVAIL':
      return say(`${address} is no address of this machine: see listeners`)
    case 'EACCES':
    case 'EPERM':
      return say(
        port === undefined
          ? `no permission for ${path ?? dataDir}`
          : `no permission to listen on port ${port} of ${address}: choose another with --port`,
      )
    case 'EEXIST':
    case 'ENOTDIR':
      return say(`${path ?? dataDir} is no folder: choose another with --data`)
    case 'EROFS':
      return say(`${path ?? dataDir} cannot be written: the file system is read-only`)
    case 'ENOSPC':
    case 'NO_SPACE':
      return say(`the disk of the data folder ${dataDir} is full`)
    case 'LOCKED':
      return say(
        `the data folder ${dataDir} is in use by another broker (${path ?? join(dataDir, '.lock')} is locked)`,
      )
    case 'IO':
      if (errno === EACCES || errno === EPERM) return say(`no permission for ${path ?? dataDir}`)
      if (errno === EEXIST || errno === ENOTDIR)
        return say(`${path ?? dataDir} is no folder: choose another with --data`)
      if (errno === EROFS) return say(`${path ?? dataDir} cannot be written: the file system is read-only`)
      if (errno === EEXIST || errno === ENOTDIR)
        return say(`${path ?? dataDir} is no folder: choose another with --data`)
      return error
    default:
      return error
  }
}

/** Linux's numbers, as the engine gives them. */
const EPERM = 1
const EACCES = 13
const EEXIST = 17
const ENOTDIR = 20
const EROFS = 30
