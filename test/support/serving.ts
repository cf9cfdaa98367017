/** A listener with every bound at hand, and a client that sends and takes raw bytes as the test says. */

import { createConnection, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import {
  type Accept,
  type Connection,
  ConnectionQuota,
  defaultLimits,
  FrameBudget,
  type Listener,
  listen,
  type NetworkLimits,
  type PlaintextOptions,
} from '../../lib/network/index.js'

/** Every way to move bytes: the fast ones, and those of systems that lack them. */
export const transports: readonly PlaintextOptions[] = [
  { reading: 'direct', sending: 'sendfile' },
  { reading: 'data', sending: 'copy' },
]

export interface LogLine {
  level: number
  msg: string
  [field: string]: unknown
}

export interface Serving {
  readonly listener: Listener
  readonly limits: NetworkLimits
  readonly budget: FrameBudget
  readonly connections: ConnectionQuota
  /** Lines of level info and above. */
  readonly lines: LogLine[]
}

export interface ServeOptions extends Partial<NetworkLimits> {
  transport?: PlaintextOptions
  /** `queued.max.request.bytes`. */
  budgetBytes?: number
}

type Answer = (frame: Buffer, connection: Connection) => ReturnType<ReturnType<Accept>>

/** Closed at the end of the test. */
export async function serve(
  t: ExecutionContext,
  handler: Answer,
  options: ServeOptions = {},
): Promise<Serving> {
  const { transport, budgetBytes = 128 * 1024 * 1024, ...given } = options
  const limits = { ...defaultLimits, ...given }
  const budget = new FrameBudget(budgetBytes)
  const connections = new ConnectionQuota(limits)
  const lines: LogLine[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    listenerName: 'PLAINTEXT',
    accept: (connection) => (frame) => handler(frame, connection),
    limits,
    budget,
    connections,
    log,
    plaintext: transport,
  })
  t.teardown(() => listener.close())
  return { listener, limits, budget, connections, lines }
}

/** Answers with the frame itself. */
export const echo: Answer = (frame) => [frame]

export function frameOf(body: Uint8Array | string): Buffer {
  const bytes = Buffer.from(body as string)
  const frame = Buffer.alloc(4 + bytes.length)
  frame.writeInt32BE(bytes.length)
  bytes.copy(frame, 4)
  return frame
}

/** A size without the bytes that it announces. */
export function announce(size: number): Buffer {
  const header = Buffer.alloc(4)
  header.writeInt32BE(size)
  return header
}

/** A client of raw bytes. It reads only when asked to. */
export class RawClient {
  readonly socket: Socket
  readonly #chunks: Buffer[] = []
  #buffered = 0
  #ended = false
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#wake?.()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#wake?.()
    })
  }

  static async connect(t: ExecutionContext, port: number, localAddress = '127.0.0.1'): Promise<RawClient> {
    const socket = createConnection({ host: '127.0.0.1', port, localAddress, noDelay: true })
    const client = new RawClient(socket)
    t.teardown(() => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return client
  }

  /** Resolves when the kernel has taken the bytes. */
  send(...pieces: (Uint8Array | string)[]): Promise<void> {
    return new Promise((resolve) => {
      this.socket.cork()
      for (const piece of pieces.slice(0, -1)) this.socket.write(piece)
      this.socket.write(pieces.at(-1)!, () => resolve())
      this.socket.uncork()
    })
  }

  /** The next response's body; undefined when the connection ends before it. */
  async receive(): Promise<Buffer | undefined> {
    const header = await this.#take(4)
    return header === undefined ? undefined : this.#take(header.readInt32BE())
  }

  /** Resolves when the server has closed the connection; what it sent is dropped. */
  async closed(): Promise<void> {
    while (!this.#ended) {
      await this.#more()
      this.#chunks.length = 0
      this.#buffered = 0
    }
  }

  async #take(count: number): Promise<Buffer | undefined> {
    while (this.#buffered < count) {
      if (this.#ended) return undefined
      await this.#more()
    }
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#buffered -= count
    this.#chunks.length = 0
    this.#chunks.push(all.subarray(count))
    return all.subarray(0, count)
  }

  async #more(): Promise<void> {
    const onData = (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#buffered += chunk.length
      this.#wake?.()
    }
    this.socket.on('data', onData)
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.socket.resume()
      })
    }
    this.socket.off('data', onData)
    this.socket.pause()
  }
}

/** Polls, for what gives no event. */
export async function until(condition: () => boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Resolves when nothing has changed for a while: for what must not happen. */
export async function settledAt(value: () => number, quietMs = 60): Promise<number> {
  let last = value()
  for (let quiet = 0; quiet < quietMs; quiet += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    if (value() !== last) {
      last = value()
      quiet = 0
    }
  }
  return last
}
