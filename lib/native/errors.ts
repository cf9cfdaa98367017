/**
 * The error of every failed engine call.
 */
import { binding } from './binding.js'
import type { EngineErrorCode, EngineErrorFields } from './types.js'

export class EngineError extends Error implements EngineErrorFields {
  readonly code: EngineErrorCode
  readonly errno: number
  readonly path?: string

  constructor(code: EngineErrorCode, errno = 0, path?: string) {
    super(code + (errno === 0 ? '' : `, errno ${errno}`) + (path ? `: ${path}` : ''))
    this.name = 'EngineError'
    this.code = code
    this.errno = errno
    if (path) this.path = path
  }
}

/** The error for a code as the engine numbers it. */
export function engineError(code: number, errno: number, path?: string): EngineError {
  return new EngineError(binding.errorCodes[code] as EngineErrorCode, errno, path)
}
