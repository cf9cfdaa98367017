/**
 * File ranges and bytes to a socket's descriptor without a copy through JavaScript, and without waiting on the
 * event loop: for the peer never, for a disk as far as the kernel tells what it has in memory.
 */

import { addon } from './addon.js'
import type { FileRange } from './types.js'

export interface SendResult {
  /** Bytes that are in the socket's buffer now. */
  readonly sent: number
  /**
   * `done`: all that was asked for; `blocked`: the socket's buffer is full; `cold`: what is next has to be read from
   * the disk; `failed`: by `errno`, ENODATA where the file has become shorter than the range.
   */
  readonly state: 'done' | 'blocked' | 'cold' | 'failed'
  /** 0 unless failed. */
  readonly errno: number
}

interface ZerocopyAddon {
  readonly canSendFile: boolean
  sendRange(descriptor: number, range: FileRange, offset: number, max: number): SendResult
  sendBytes(descriptor: number, bytes: Uint8Array, more: boolean): SendResult
  residentBytes(range: FileRange, offset: number, max: number): number
  readRangeCached(range: FileRange, offset: number, into: Uint8Array): number
  readRange(range: FileRange, offset: number, into: Uint8Array): Promise<number>
  rangeOfFile(path: string, offset: number, length: number): FileRange
  rangeOfDescriptor(descriptor: number, offset: number, length: number): FileRange
}

const native = addon as ZerocopyAddon

/** False on systems without sendfile to a socket: read and write there. */
export const canSendFile = native.canSendFile

/**
 * Sends up to `max` bytes of the range from `offset` on.
 * REQUIRES: no write is pending on the socket, whose descriptor does not block.
 */
export function sendRange(descriptor: number, range: FileRange, offset: number, max: number): SendResult {
  return native.sendRange(descriptor, range, offset, max)
}

/** Sends bytes; with `more` the kernel holds back a last packet that is not full for what follows. */
export function sendBytes(descriptor: number, bytes: Uint8Array, more: boolean): SendResult {
  return native.sendBytes(descriptor, bytes, more)
}

/** How many of the `max` bytes from `offset` on the page cache holds without a gap. */
export function residentBytes(range: FileRange, offset: number, max: number): number {
  return native.residentBytes(range, offset, max)
}

/** Reads what the page cache holds from `offset` on, without waiting; 0 where it holds nothing. */
export function readRangeCached(range: FileRange, offset: number, into: Uint8Array): number {
  return native.readRangeCached(range, offset, into)
}

/**
 * Reads on a thread, and asks the disk for what follows. Fewer bytes than fit `into` only at the end of the range or
 * of the file. `into` must not be touched until the promise settles; the range may be released meanwhile.
 */
export function readRange(range: FileRange, offset: number, into: Uint8Array): Promise<number> {
  return native.readRange(range, offset, into)
}

/** A range of any file, which it holds open. May wait on the disk. Throws an EngineError-shaped error. */
export function rangeOfFile(path: string, offset: number, length: number): FileRange {
  return native.rangeOfFile(path, offset, length)
}

/**
 * A range of a file that the caller has open, over a duplicate of the descriptor: it may be closed meanwhile, and its
 * position is neither used nor moved. Does not wait. Throws an EngineError-shaped error.
 */
export function rangeOfDescriptor(descriptor: number, offset: number, length: number): FileRange {
  return native.rangeOfDescriptor(descriptor, offset, length)
}
