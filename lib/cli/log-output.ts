/**
 * Where log lines go: standard error, without ever ending the process or holding the event loop. Lines that cannot be
 * written (the disk is full, the terminal is closed, a reader does not read) are dropped and counted; the next line
 * that gets through is preceded by one that says how many were lost, and why.
 */
import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'

/** Bytes that may wait for a slow reader or a slow disk. */
const maxQueuedBytes = 1024 * 1024

interface Sink {
  readonly queuedBytes: number
  write(line: string): void
  /** Writes what waits as far as that takes no waiting; before the process exits. */
  flush(): void
}

export class LogOutput {
  readonly #sink: Sink
  #lost = 0
  #cause = ''

  /** `fd`: a file, a terminal or a pipe. */
  constructor(fd = 2) {
    const onError = ({ code, message }: NodeJS.ErrnoException) => this.#lose(code ?? message)
    this.#sink = openPipe(fd, onError) ?? openFile(fd, onError)
    process.once('exit', () => this.#sink.flush())
  }

  /** One line with its line feed, as pino and pino-pretty write them. */
  write(line: string): void {
    if (this.#sink.queuedBytes + line.length > maxQueuedBytes) {
      this.#lose('standard error is not read, or not written, fast enough')
      return
    }
    if (this.#lost > 0 && this.#sink.queuedBytes === 0) this.#report()
    this.#sink.write(line)
  }

  #lose(cause: string): void {
    this.#lost++
    this.#cause = cause
  }

  #report(): void {
    const msg = `log lines were lost (${this.#lost} or more): ${this.#cause}`
    this.#lost = 0
    this.#sink.write(`${JSON.stringify({ level: 40, time: new Date().toISOString(), msg })}\n`)
  }
}

type OnError = (error: NodeJS.ErrnoException) => void

/**
 * A pipe, written without blocking. It is opened a second time, since whether writes block is a property of the open
 * file, which other processes may share. Undefined for what is no pipe, or cannot be opened again.
 */
function openPipe(fd: number, onError: OnError): Sink | undefined {
  if (!fstatSync(fd).isFIFO()) return undefined
  let own: number
  try {
    own = openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  let socket: Socket
  try {
    socket = new Socket({ fd: own, readable: false, writable: true })
  } catch {
    closeSync(own)
    return undefined
  }
  let isOpen = true
  socket.on('error', (error) => {
    isOpen = false
    onError(error)
  })
  // A reader that does not read must not keep the process from ending.
  socket.unref()
  return {
    get queuedBytes() {
      return socket.writableLength
    },
    write(line) {
      if (isOpen) socket.write(line)
    },
    flush() {},
  }
}

/** A file or a terminal, written by one of libuv's threads, everything that waits at a time. */
function openFile(fd: number, onError: OnError): Sink {
  let waiting = ''
  let writingBytes = 0
  const next = () => {
    const lines = waiting
    waiting = ''
    writingBytes = lines.length
    write(fd, lines, (error) => {
      writingBytes = 0
      if (error !== null) onError(error)
      if (waiting !== '') next()
    })
  }
  return {
    get queuedBytes() {
      return writingBytes + waiting.length
    },
    write(line) {
      waiting += line
      if (writingBytes === 0) next()
    },
    flush() {
      try {
        if (waiting !== '') writeSync(fd, waiting)
      } catch {
        // The disk is full, or the terminal gone: the process ends all the same.
      }
    },
  }
}
