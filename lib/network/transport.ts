/** The seam between frames and sockets: what a connection needs of its transport. */

import type { FileRange } from '../native/types.js'
import type { FrameReader } from './frame-reader.js'

/** One piece of a response on its way to the socket. */
export type ResponsePart = Uint8Array | FileRange

/** What a transport tells its connection. */
export interface TransportEvents {
  /** The peer sends no more. */
  ended(): void
  /** The socket is gone; `error` is undefined after a close in peace. Called once. */
  disconnected(error: NodeJS.ErrnoException | undefined): void
}

export interface Transport {
  /** Reads into `reader` until it is stopped. Called once. */
  start(reader: FrameReader, events: TransportEvents): void
  pause(): void
  resume(): void
  /**
   * Sends the parts after all that were sent before. Ranges are released when they have gone out, or when the
   * transport is closed. `onSent` is called when all of it is in the kernel's hands, and never after a close.
   */
  send(parts: readonly ResponsePart[], onSent: () => void): void
  /** Bytes in memory that wait to be sent. */
  readonly queuedBytes: number
  /** Rises whenever some of a response has gone out. */
  readonly progress: number
  /** Closes when what was sent has gone out. */
  end(): void
  destroy(): void
}

export function isFileRange(part: ResponsePart): part is FileRange {
  return !(part instanceof Uint8Array)
}

export function releaseRanges(parts: readonly ResponsePart[], from = 0): void {
  for (let i = from; i < parts.length; i++) {
    const part = parts[i]!
    if (isFileRange(part)) part.release()
  }
}
