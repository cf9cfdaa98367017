/**
 * A TCP proxy that stands for one link of a network: its own address before, one target behind. What goes wrong on a
 * link goes wrong here, for each direction by itself: bytes that are held or lost without a word, delays, a narrow
 * band, connections that are cut within a frame, a port that refuses.
 *
 * What a user process cannot do is to leave a dialler without an answer: a link that carries nothing still accepts.
 */
import { createServer, type Server, Socket } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

/** `forth`: from who dials to the target. */
export type Direction = 'forth' | 'back'

export interface LinkFault {
  /**
   * Nothing comes through, and nobody is told. `hold`: it comes when the link is well again, as after packets that
   * were sent again; `lose`: it is gone, and so is the connection when the link is well again.
   */
  readonly silent?: 'hold' | 'lose'
  readonly delayMs?: number
  readonly bytesPerSecond?: number
}

/** How a connection is cut: both ends see it closed in order, or reset. */
export type Cut = 'end' | 'reset'

/** More than that waits in the sender's kernel. */
const heldBytesAtMost = 1 << 20

export class FaultLink implements AsyncDisposable {
  readonly address: Address
  readonly #target: Address
  readonly #connections = new Set<Connection>()
  readonly #faults = new Map<Direction, LinkFault>()
  #server: Server | undefined
  #lostBytes = 0

  private constructor(address: Address, target: Address) {
    this.address = address
    this.#target = target
  }

  /** Rejects with EADDRINUSE where the address is taken. */
  static async open(address: Address, target: Address): Promise<FaultLink> {
    const link = new FaultLink(address, target)
    await link.accept()
    return link
  }

  /** What came and was lost, of all connections. */
  get lostBytes(): number {
    return this.#lostBytes
  }

  /** Takes connections, where it refused them. */
  async accept(): Promise<void> {
    if (this.#server) return
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accepted(socket))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.address.port, this.address.host, resolve)
    })
  }

  /** Ends what is connected and refuses new connections: nobody is behind it any more. */
  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.cut('reset')
    if (server) await new Promise((resolve) => server.close(resolve))
  }

  /** In place of the direction's last fault; an empty one heals it. */
  set(direction: Direction, fault: LinkFault): void {
    this.#faults.set(direction, fault)
    for (const connection of this.#connections) connection.set(direction, fault)
  }

  heal(): void {
    this.set('forth', {})
    this.set('back', {})
  }

  /** Cuts every connection that stands now: at once, or after so many bytes more in one direction. */
  cut(how: Cut, after?: { readonly direction: Direction; readonly bytes: number }): void {
    for (const connection of [...this.#connections]) connection.cut(how, after)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse()
  }

  #accepted(socket: Socket): void {
    const target = new Socket({ allowHalfOpen: true })
    target.setNoDelay(true)
    const connection = new Connection(socket, target, {
      closed: () => this.#connections.delete(connection),
      lost: (bytes) => {
        this.#lostBytes += bytes
      },
    })
    this.#connections.add(connection)
    for (const [direction, fault] of this.#faults) connection.set(direction, fault)
    target.connect(this.#target.port, this.#target.host)
  }
}

interface ConnectionEvents {
  closed(): void
  lost(bytes: number): void
}

class Connection {
  readonly #pipes: Record<Direction, Pipe>
  readonly #sockets: readonly [Socket, Socket]

  constructor(dialler: Socket, target: Socket, events: ConnectionEvents) {
    this.#sockets = [dialler, target]
    let open = 2
    for (const socket of this.#sockets) {
      socket.once('close', () => {
        if (--open === 0) events.closed()
      })
    }
    const cut = (how: Cut) => this.cut(how)
    this.#pipes = {
      forth: new Pipe(dialler, target, cut, events.lost),
      back: new Pipe(target, dialler, cut, events.lost),
    }
  }

  set(direction: Direction, fault: LinkFault): void {
    this.#pipes[direction].set(fault)
  }

  cut(how: Cut, after?: { readonly direction: Direction; readonly bytes: number }): void {
    if (after) {
      this.#pipes[after.direction].cutAfter(after.bytes, how)
      return
    }
    for (const pipe of Object.values(this.#pipes)) pipe.close()
    for (const socket of this.#sockets) {
      // A handle that is shutting down cannot be reset, and would never be closed.
      if (how === 'reset' && !socket.writableEnded) socket.resetAndDestroy()
      else if (how === 'reset') socket.destroy()
      else socket.end(() => socket.destroy())
    }
  }
}

/** One direction of a connection. What is not through yet waits here, in order, its end too. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #cutConnection: (how: Cut) => void
  readonly #onLost: (bytes: number) => void
  #queue: { readonly bytes: Buffer | Cut; readonly dueAt: number }[] = []
  #held = 0
  #fault: LinkFault = {}
  #lastDueAt = 0
  #hasLost = false
  #cut: { bytes: number; readonly how: Cut } | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(from: Socket, to: Socket, cutConnection: (how: Cut) => void, onLost: (bytes: number) => void) {
    this.#onLost = onLost
    this.#from = from
    this.#to = to
    this.#cutConnection = cutConnection
    let isReset = false
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.once('end', () => this.#take('end'))
    from.once('error', () => {
      isReset = true
    })
    from.once('close', () => {
      if (isReset) this.#take('reset')
    })
    to.on('drain', () => this.#pass())
  }

  set(fault: LinkFault): void {
    this.#fault = fault
    if (fault.silent !== undefined) return
    if (this.#hasLost) this.#cutConnection('reset')
    else this.#pass()
  }

  cutAfter(bytes: number, how: Cut): void {
    this.#cut = { bytes, how }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#queue = []
  }

  #take(bytes: Buffer | Cut): void {
    if (this.#isClosed) return
    const { silent, delayMs = 0, bytesPerSecond } = this.#fault
    if (silent === 'lose') {
      this.#hasLost = true
      this.#onLost(typeof bytes === 'string' ? 0 : bytes.length)
      return
    }
    const size = typeof bytes === 'string' ? 0 : bytes.length
    const now = performance.now()
    const transferMs = bytesPerSecond === undefined ? 0 : (size / bytesPerSecond) * 1_000
    this.#lastDueAt = Math.max(now + delayMs, this.#lastDueAt) + transferMs
    this.#queue.push({ bytes, dueAt: this.#lastDueAt })
    this.#held += size
    if (this.#held > heldBytesAtMost) this.#from.pause()
    this.#pass()
  }

  /** Hands on what is due, as far as the other side takes it. */
  #pass(): void {
    clearTimeout(this.#timer)
    if (this.#isClosed || this.#fault.silent !== undefined || this.#hasLost) return
    while (this.#queue.length > 0 && !this.#to.writableNeedDrain) {
      const { bytes, dueAt } = this.#queue[0]!
      const wait = dueAt - performance.now()
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pass(), Math.ceil(wait))
        return
      }
      this.#queue.shift()
      if (bytes === 'reset') {
        this.#cutConnection('reset')
        return
      }
      if (bytes === 'end') this.#to.end()
      else if (!this.#write(bytes)) return
    }
    if (this.#held <= heldBytesAtMost && this.#from.isPaused()) this.#from.resume()
  }

  /** False where the connection was cut. */
  #write(bytes: Buffer): boolean {
    this.#held -= bytes.length
    const cut = this.#cut
    if (!cut || bytes.length < cut.bytes) {
      if (cut) cut.bytes -= bytes.length
      this.#to.write(bytes)
      return true
    }
    this.close()
    // Written out first, so that the other side has the beginning of a frame.
    this.#to.write(bytes.subarray(0, cut.bytes), () => this.#cutConnection(cut.how))
    return false
  }
}
