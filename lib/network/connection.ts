/** A connection as the broker's handlers see it, and the handler of its frames as the connection sees that. */

import type { ResponsePart } from './transport.js'

/**
 * Handles one frame (without its size) and gives the parts of the response (without its size), or null where the
 * request has none. It is called in order of arrival without waiting for earlier answers. The frame is the
 * handler's until its answer is settled; a response may still refer to it. A throw or rejection closes the
 * connection.
 */
export type FrameHandler = (frame: Buffer) => ResponsePart[] | null | Promise<ResponsePart[] | null>

/** Called once for each new connection: what it returns handles the connection's frames. */
export type Accept = (connection: Connection) => FrameHandler

/** A connection as the handler sees it. */
export interface Connection {
  readonly id: string
  readonly listenerName: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  /** Aborted when the connection is closed. */
  readonly signal: AbortSignal
  readonly closed: boolean
  /** Calls back once, when the connection is closed; at once when it already is. Returns how to stop it. */
  onClose(callback: () => void): () => void
  /** Closes at once; unsent responses are dropped. `reason` goes to the log at debug level. */
  close(reason: string): void
  /**
   * Reads no more for `ms`, or for as long as an earlier call has it, whichever is longer. Responses are sent all the
   * while, and frames that were taken before are answered.
   */
  mute(ms: number): void
}
