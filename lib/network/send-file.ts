/**
 * Sends files, or parts of them, to sockets, HTTP responses and other streams without waiting on the event loop: by
 * sendfile where that can be done, else by copies of 256 KB at most. docs/zerocopy.md tells which and when.
 */

import { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { FileRange } from '../native/types.js'
import { canSendFile } from '../native/zerocopy.js'
import { checkExtent, type FileSource, openSource, type SendableFile } from './file-source.js'
import { RangeSender } from './range-sender.js'
import { SendFileError } from './send-file-error.js'
import { takeTurn } from './socket-turn.js'

/** How `sendFile` and `pipeRange` send. Every option may be left out. */
export interface SendFileOptions {
  /** Stops the sending. The promise is rejected at once; the socket can be used on. */
  signal?: AbortSignal
  /** `copy` reads and writes, as is done where sendfile cannot be used. Default: sendfile where it can be. */
  sending?: 'sendfile' | 'copy'
}

/**
 * Sends `length` bytes of `file` from `offset` on. Resolves with the bytes sent when the kernel has them all.
 *
 * A plain socket keeps the order of calls: the file goes behind what was written to the socket before, and what is
 * written during the call goes behind the file. On other streams and on HTTP responses, write nothing until the
 * promise settles; several files go one after the other.
 *
 * @param target A socket, the response of an HTTP server, or any other Writable. It is not ended.
 * @param file A path, a FileHandle or descriptor of a regular file, or a range of a log, which stays the caller's.
 * @param offset In bytes, from the file's or the range's beginning.
 * @param length In bytes; all that the file has at the time of the call when it is undefined.
 * @throws {SendFileError} By rejection, with a code, and in `bytesSent` what the socket was given. After
 *   `SOCKET_CLOSED` the socket is gone; after every other code it can be used on.
 */
export async function sendFile(
  target: Writable,
  file: SendableFile,
  offset = 0,
  length?: number,
  options: SendFileOptions = {},
): Promise<number> {
  checkExtent(offset, length)
  const { signal, sending = canSendFile ? 'sendfile' : 'copy' } = options
  if (signal?.aborted) throw aborted(signal, 0)
  if (isClosed(target)) throw closed(0)
  if (isPlainSocket(target)) {
    const source = openSource(file, offset, length)
    return new Sending(target, signal).onSocket(target, source, sending)
  }
  return inOrder(target, async () => {
    const source = await openSource(file, offset, length)
    try {
      if (signal?.aborted) throw aborted(signal, 0)
      if (target instanceof ServerResponse) return await respond(target, source, sending, signal)
      return await new Sending(target, signal).onStream(target, source)
    } finally {
      source.release()
    }
  })
}

/**
 * Sends a whole range of a log, such as `log.readRange` gives, and releases it, also when that fails. Else as
 * `sendFile`.
 */
export async function pipeRange(
  range: FileRange,
  target: Writable,
  options: SendFileOptions = {},
): Promise<number> {
  try {
    return await sendFile(target, range, 0, range.byteLength, options)
  } finally {
    range.release()
  }
}

/** The last call's end, for targets without turns. */
const lastOf = new WeakMap<Writable, Promise<unknown>>()

function inOrder(target: Writable, send: () => Promise<number>): Promise<number> {
  const before = lastOf.get(target) ?? Promise.resolve()
  const sent = before.then(send)
  const settled = sent.catch(() => {})
  lastOf.set(target, settled)
  return sent
}

function respond(
  response: ServerResponse,
  source: FileSource,
  sending: 'sendfile' | 'copy',
  signal: AbortSignal | undefined,
): Promise<number> | number {
  if (isClosed(response)) throw closed(0)
  // Also after writeHead, which sends nothing yet.
  response.flushHeaders()
  // A response without a body drops what is written to it.
  const { statusCode } = response
  if (response.req.method === 'HEAD' || statusCode === 204 || statusCode === 304) return 0
  const { socket } = response
  // Without a socket another response goes first. Node counts a strict response's bytes, and would not see these.
  const direct =
    sending === 'sendfile' &&
    socket !== null &&
    isPlainSocket(socket) &&
    !response.chunkedEncoding &&
    !response.strictContentLength
  const work = new Sending(response, signal)
  return direct
    ? work.onSocket(socket, Promise.resolve({ ...source, release: () => {} }), sending)
    : work.onStream(response, source)
}

/** True where the bytes written to the socket are those that the peer gets. */
function isPlainSocket(target: Writable): target is Socket {
  return target instanceof Socket && !(target instanceof TLSSocket)
}

function isClosed(target: Writable): boolean {
  return target.destroyed || target.writableEnded
}

function descriptorOf(socket: Socket): number {
  // Standard output may be a pipe that waits for its reader.
  const { _handle: handle, _isStdio: waits } = socket as unknown as {
    _handle: { fd?: number } | null
    _isStdio?: boolean
  }
  return waits ? -1 : (handle?.fd ?? -1)
}

function aborted(signal: AbortSignal, bytesSent: number): SendFileError {
  return new SendFileError('ABORT_ERR', 'the sending of a file was aborted', bytesSent, signal.reason)
}

function closed(bytesSent: number, cause?: unknown): SendFileError {
  return new SendFileError(
    'SOCKET_CLOSED',
    'the socket was closed before the file was sent',
    bytesSent,
    cause,
  )
}

/** How bytes that are copied get to where they go. */
interface Outlet {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): void
  /** Nothing more comes from this call. With an error the target is destroyed. */
  end(error?: Error): void
}

const closeCallbacks = new WeakMap<Writable, Set<() => void>>()

/** Calls back when the target closes, until the answer is called: one listener for all calls on a target. */
function whenClosed(target: Writable, callback: () => void): () => void {
  let callbacks = closeCallbacks.get(target)
  if (callbacks === undefined) {
    callbacks = new Set()
    closeCallbacks.set(target, callbacks)
    target.once('close', () => {
      for (const call of closeCallbacks.get(target) ?? []) call()
    })
  }
  callbacks.add(callback)
  return () => callbacks.delete(callback)
}

/** One call under way. Settles once; after that nothing more is handed to the target. */
class Sending {
  readonly #signal: AbortSignal | undefined
  #outlet: Outlet | undefined
  #sender: RangeSender | undefined
  #source: FileSource | undefined
  #bytesSent = 0
  #isGone = () => false
  /** A write that was handed over, and may not be overtaken. */
  #writing = false
  #outcome: Error | 'sent' | undefined
  #endError: Error | undefined
  #resolve!: (bytesSent: number) => void
  #reject!: (error: Error) => void
  readonly #promise = new Promise<number>((resolve, reject) => {
    this.#resolve = resolve
    this.#reject = reject
  })
  readonly #onAbort = () => this.#settle(aborted(this.#signal!, this.#bytesSent))
  readonly #forgetTarget: () => void

  constructor(target: Writable, signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
    this.#forgetTarget = whenClosed(target, () => this.#settle(closed(this.#bytesSent)))
  }

  /** Sends in the socket's own order of writes, from now on. The source is released. */
  onSocket(socket: Socket, opening: Promise<FileSource>, sending: 'sendfile' | 'copy'): Promise<number> {
    // A destroyed socket's descriptor may by now be another's.
    this.#isGone = () => socket.destroyed
    const begin = (source: FileSource, outlet: Outlet) => {
      if (this.#outcome === undefined) {
        this.#start(source, outlet, sending === 'sendfile' ? descriptorOf(socket) : -1)
      } else outlet.end()
    }
    // An opening that fails ends the call before its turn, which then passes at once.
    opening.then(
      (source) => {
        this.#source = source
        if (this.#outcome !== undefined) source.release()
      },
      (error) => this.#settle(error),
    )
    takeTurn(socket, (turn) => {
      const whenOpen = () =>
        opening.then(
          (source) => begin(source, turn),
          () => turn.end(),
        )
      if (!socket.connecting) whenOpen()
      else socket.once('connect', whenOpen)
    })
    return this.#promise
  }

  /** Sends by writes of which each waits for the one before. */
  onStream(target: Writable, source: FileSource): Promise<number> {
    this.#isGone = () => isClosed(target)
    this.#start(source, { write: (bytes, done) => target.write(bytes, done), end: () => {} }, -1)
    return this.#promise
  }

  #start(source: FileSource, outlet: Outlet, descriptor: number): void {
    this.#source = source
    this.#outlet = outlet
    this.#sender = new RangeSender(descriptor, {
      write: (bytes, written) => this.#write(bytes, written),
      sent: (bytes) => {
        this.#bytesSent += bytes
      },
      ready: () => this.#goOn(),
      fileFailed: (error) => this.#fileFailed(error),
      socketFailed: (errno) => {
        const cause = Object.assign(new Error(`sending failed, errno ${errno}`), {
          errno,
          syscall: 'sendfile',
        })
        this.#endError = cause
        this.#settle(closed(this.#bytesSent, cause))
      },
    })
    this.#sender.offset = source.start
    this.#goOn()
  }

  #goOn(): void {
    const sender = this.#sender!
    const { range, end } = this.#source!
    try {
      while (this.#outcome === undefined) {
        if (this.#isGone()) this.#settle(closed(this.#bytesSent))
        else if (sender.offset === end) this.#settle('sent')
        else if (!sender.send(range, end)) return
      }
    } catch (error) {
      // The engine refuses a range that was released, and what is none.
      this.#settle(new SendFileError('INVALID_ARGUMENT', (error as Error).message, this.#bytesSent, error))
    }
  }

  #write(bytes: Uint8Array, written: () => void): void {
    if (this.#isGone()) {
      this.#settle(closed(this.#bytesSent))
      return
    }
    this.#writing = true
    this.#bytesSent += bytes.byteLength
    this.#outlet!.write(bytes, (error) => {
      this.#writing = false
      if (error) {
        this.#endError = error
        this.#settle(closed(this.#bytesSent, error))
      }
      if (this.#outcome !== undefined) {
        this.#outlet!.end(this.#endError)
        return
      }
      written()
      this.#goOn()
    })
  }

  #fileFailed(error: Error): void {
    const code = (error as { code?: string }).code === 'FILE_TOO_SHORT' ? 'FILE_TOO_SHORT' : 'FILE_FAILED'
    this.#settle(new SendFileError(code, error.message, this.#bytesSent, error))
  }

  #settle(outcome: Error | 'sent'): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    this.#sender?.close()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#forgetTarget()
    if (!this.#writing) this.#outlet?.end(this.#endError)
    this.#source?.release()
    if (outcome === 'sent') this.#resolve(this.#bytesSent)
    else this.#reject(outcome)
  }
}
