/** Names of the logs in a directory: each is the name of a folder. */

import { DELETED_FOLDER_SUFFIX } from '../log/log-file-names.js'
import { LogError } from './log-error.js'

/** As long as a topic's name may be in Kafka: a file system takes 255 bytes. */
const maxLength = 249

/** Throws INVALID_NAME unless it is a string of 1 to 249 of the characters a–z, A–Z, 0–9, `.`, `_` and `-`. */
export function checkLogName(name: unknown): asserts name is string {
  const why = reason(name)
  if (why === undefined) return
  const shown = typeof name === 'string' ? `"${name.slice(0, maxLength)}"` : String(name)
  throw new LogError('INVALID_NAME', `${shown} cannot be the name of a log: ${why}`)
}

export function isLogName(name: string): boolean {
  return reason(name) === undefined
}

function reason(name: unknown): string | undefined {
  if (typeof name !== 'string' || name === '') return 'give a string that is not empty'
  if (name.length > maxLength) return `it has ${name.length} characters, ${maxLength} are allowed`
  if (!/^[\w.-]+$/.test(name)) return 'letters a–z and A–Z, digits, ".", "_" and "-" are allowed'
  if (name.startsWith('.')) return 'names that begin with "." are the directory’s own'
  if (name.endsWith(DELETED_FOLDER_SUFFIX))
    return `names that end in "${DELETED_FOLDER_SUFFIX}" are of logs that go`
  return undefined
}
