/**
 * A turn in a socket's own queue of writes: it comes when all that was written before is in the kernel's hands, and
 * what is written later waits in Node's queue until it ends. So bytes that do not pass through Node's streams keep
 * their place among those that do.
 *
 * The mark of a turn is an empty chunk that is written like any other. While marks wait, the socket's `_write`, the
 * method by which every Writable hands over its chunks, is overridden on the socket itself.
 */

import type { Socket } from 'node:net'

type Done = (error?: Error | null) => void

/** The methods that a Writable calls for each chunk, or for several at once. */
interface Chunks {
  _write(chunk: unknown, encoding: string, done: Done): void
  _writev?: unknown
}

export interface SocketTurn {
  /** Hands bytes to the socket; `done` is called, not before this returns, when the kernel has them. */
  write(bytes: Uint8Array, done: Done): void
  /** Lets the writes behind go on. With an error the socket is destroyed. REQUIRES: no write is under way. */
  end: Done
}

const marksOf = new WeakMap<Socket, Map<Buffer, (turn: SocketTurn) => void>>()

/**
 * Calls `onTurn` when the turn has come, unless the socket is closed before.
 * REQUIRES: the socket is writable.
 */
export function takeTurn(socket: Socket, onTurn: (turn: SocketTurn) => void): void {
  let marks = marksOf.get(socket)
  if (marks === undefined) {
    marks = new Map()
    marksOf.set(socket, marks)
    watchChunks(socket, marks)
  }
  const mark = Buffer.alloc(0)
  marks.set(mark, onTurn)
  // An error is the socket's end, which its owner hears of by its events.
  socket.write(mark, () => {})
}

function watchChunks(socket: Socket, marks: Map<Buffer, (turn: SocketTurn) => void>): void {
  const chunks = socket as unknown as Chunks
  const own = (['_write', '_writev'] as const).map(
    (name) => [name, Object.getOwnPropertyDescriptor(socket, name)] as const,
  )
  const write = chunks._write
  const restore = () => {
    marksOf.delete(socket)
    for (const [name, descriptor] of own) {
      if (descriptor) Object.defineProperty(socket, name, descriptor)
      else delete chunks[name as '_writev']
    }
  }
  // One chunk after the other, lest a mark is joined with what stands beside it.
  chunks._writev = null
  chunks._write = (chunk, encoding, done) => {
    const onTurn = marks.get(chunk as Buffer)
    if (onTurn === undefined) {
      write.call(socket, chunk, encoding, done)
      return
    }
    marks.delete(chunk as Buffer)
    if (marks.size === 0) restore()
    onTurn({
      write: (bytes, written) => {
        let returned = false
        write.call(socket, bytes, 'buffer', (error) => {
          if (returned) written(error)
          else process.nextTick(written, error)
        })
        returned = true
      },
      end: done,
    })
  }
}
