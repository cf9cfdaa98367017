/** Why bytes of a file did not all go out. */

export type SendFileErrorCode =
  /** The signal was aborted; `cause` is its reason. What went out stands in `bytesSent`, the socket can be used on. */
  | 'ABORT_ERR'
  /** The socket or stream was ended or destroyed, or its peer is gone: open another. */
  | 'SOCKET_CLOSED'
  /** The file is, or became, shorter than offset + length. The socket can be used on. */
  | 'FILE_TOO_SHORT'
  /** The file cannot be opened or read; `cause` is the system's error. The socket can be used on. */
  | 'FILE_FAILED'
  /** An argument is not what the call takes; nothing was sent. */
  | 'INVALID_ARGUMENT'

/** Why `sendFile` or `pipeRange` was rejected: a code, and how much was sent before. */
export class SendFileError extends Error {
  readonly code: SendFileErrorCode
  /** Bytes of the file that were handed to the socket before. */
  readonly bytesSent: number

  constructor(code: SendFileErrorCode, message: string, bytesSent = 0, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    // What aborts is told by this name in all of Node.
    this.name = code === 'ABORT_ERR' ? 'AbortError' : 'SendFileError'
    this.code = code
    this.bytesSent = bytesSent
  }
}
