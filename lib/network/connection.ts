/** A connection as the broker's handlers see it, and the handler of its frames as the connection sees that. */

import type { ResponsePart } from './transport.js'

/**
 * Handles one frame (without its size) and gives the parts of the response (without its size), or null where the
 * request has none. It is called in order of arrival without waiting for earlier answers. The frame is the
 * handler's until its answer is settled; a response may still refer to it. A throw or rejection closes the
 * connection.
 */
export type FrameHandler = (
  frame: Buffer,
  connection: Connection,
) => ResponsePart[] | null | Promise<ResponsePart[] | null>

/** A connection as the handler sees it. */
export interface Connection {
  readonly id: string
  readonly listenerName: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  /** Who is on the other side, in Kafka's form. */
  principal: string
  /** From the client's ApiVersions request. */
  clientSoftware: { name: string; version: string }
  /** What the broker keeps for as long as the connection lasts. */
  readonly state: Map<unknown, unknown>
  /** Aborted when the connection is closed. */
  readonly signal: AbortSignal
  readonly closed: boolean
  /** Calls back once, when the connection is closed; at once when it already is. Returns how to stop it. */
  onClose(callback: () => void): () => void
  /** Closes at once; unsent responses are dropped. `reason` goes to the log at debug level. */
  close(reason: string): void
}
