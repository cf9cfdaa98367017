/**
 * Connections between machines. Each direction of a connection keeps its order, connections among themselves do not.
 * A link that is cut holds back what is on the way, in one direction or in both; a process that ends has its
 * connections reset, a machine without power falls silent.
 */
import { EventEmitter } from 'node:events'
import type { Session } from '../../lib/broker/pipeline/session.js'
import type { Host, VirtualTime } from './virtual-time.js'

/** What a process that listens does with what comes. */
export interface Server {
  /** Requests of one connection are begun in their order; their answers go out in that order too. */
  handle(api: string, request: unknown, connection: ServedConnection): Promise<unknown>
}

export interface LinkSpeed {
  latencyMs: number
  /** How often a message takes longer than others by far. */
  slowness: number
}

/** How long whoever sends over a cut link waits before it tries again. */
const retransmitMs = 50
const slowMs = 300

export class ConnectionLostError extends Error {}

export class VirtualNetwork {
  readonly speed: LinkSpeed
  /** Stands for what no process does. */
  readonly system: Host
  readonly #time: VirtualTime
  readonly #cut = new Set<string>()
  readonly #servers = new Map<Host, Server>()
  readonly #unpowered = new Set<Host>()
  readonly #connections = new Set<VirtualConnection>()

  constructor(time: VirtualTime, speed: LinkSpeed, system: Host) {
    this.#time = time
    this.system = system
    this.speed = speed
  }

  cut(from: Host, to: Host): void {
    this.#cut.add(`${from.name}>${to.name}`)
  }

  mend(from: Host, to: Host): void {
    this.#cut.delete(`${from.name}>${to.name}`)
  }

  mendAll(): void {
    this.#cut.clear()
  }

  isCut(from: Host, to: Host): boolean {
    return this.#cut.has(`${from.name}>${to.name}`)
  }

  listen(host: Host, server: Server): void {
    this.#servers.set(host, server)
  }

  isPowered(host: Host): boolean {
    return !this.#unpowered.has(host)
  }

  setPower(host: Host, isOn: boolean): void {
    if (isOn) this.#unpowered.delete(host)
    else this.#unpowered.add(host)
  }

  server(host: Host): Server | undefined {
    return this.#servers.get(host)
  }

  /** Its process is about to end: with power the system resets its connections, without nobody is told. */
  end(host: Host): void {
    this.#servers.delete(host)
    for (const connection of [...this.#connections]) {
      if (!connection.concerns(host)) continue
      if (this.isPowered(host)) connection.resetBy(host)
      else connection.silence(host)
    }
  }

  /** Breaks a connection that chance picks between the two machines. */
  reset(a: Host, b: Host): void {
    for (const connection of [...this.#connections]) {
      if (connection.concerns(a) && connection.concerns(b)) connection.resetBy(a)
    }
  }

  latency(): number {
    const { random } = this.#time
    const { latencyMs, slowness } = this.speed
    return latencyMs * (0.2 + random.next()) + (random.chance(slowness) ? random.next() * slowMs : 0)
  }

  /** Has something happen at `to` that `from` has sent: `isWanted` false gives it up. */
  carry(from: Host, to: Host, what: string, isWanted: () => boolean, work: () => void): void {
    this.#carry(from, to, this.latency(), what, isWanted, work)
  }

  open(connection: VirtualConnection): void {
    this.#connections.add(connection)
  }

  forget(connection: VirtualConnection): void {
    this.#connections.delete(connection)
  }

  /** From the calling process; rejects where the port refuses, or after `timeoutMs`. */
  dial(to: Host, timeoutMs: number): Promise<VirtualConnection> {
    const from = this.#time.current!
    return new Promise((resolve, reject) => {
      let isOver = false
      const over = (settle: () => void) => {
        if (isOver) return
        isOver = true
        clearTimeout(timer)
        settle()
      }
      const timer = setTimeout(
        () => over(() => reject(new ConnectionLostError(`${to.name} does not answer`))),
        timeoutMs,
      )
      this.knock(from, to, () => !isOver, {
        accepted: (connection) => over(() => resolve(connection)),
        refused: () => over(() => reject(new ConnectionLostError(`${to.name} refuses connections`))),
      })
    })
  }

  /** The system answers for a process that is stopped; a machine without power does not answer. */
  knock(
    from: Host,
    to: Host,
    isWanted: () => boolean,
    answer: { accepted: (connection: VirtualConnection) => void; refused: () => void },
  ): void {
    // A step of nobody's process: the systems talk.
    const { generation } = from
    const isAwaited = () => isWanted() && from.generation === generation
    this.#carryBySystem(from, to, isAwaited, () => {
      if (!this.isPowered(to)) {
        this.#time.schedule(from, 1_000, 'knock again', () => {
          if (isAwaited()) this.knock(from, to, isWanted, answer)
        })
        return
      }
      const isListening = this.#servers.has(to)
      const connection = isListening ? new VirtualConnection(this.#time, this, from, to) : undefined
      this.#carryBySystem(
        to,
        from,
        () => true,
        () => {
          if (!isAwaited()) {
            connection?.resetBy(from)
            return
          }
          this.#time.schedule(from, 0, isListening ? 'accepted' : 'refused', () => {
            if (connection) answer.accepted(connection)
            else answer.refused()
          })
        },
      )
    })
  }

  /** Between the machines' systems, whatever their processes do. */
  #carryBySystem(from: Host, to: Host, isWanted: () => boolean, work: () => void): void {
    const arrive = () => {
      if (!isWanted()) return
      if (this.isCut(from, to)) this.#time.schedule(this.system, retransmitMs, 'retransmit', arrive)
      else work()
    }
    this.#time.schedule(this.system, this.latency(), 'system', arrive)
  }

  #carry(
    from: Host,
    to: Host,
    delayMs: number,
    what: string,
    isWanted: () => boolean,
    work: () => void,
  ): void {
    // What is held back waits, also for a process that has begun since.
    const arrives = this.isCut(from, to) ? this.system : to
    this.#time.schedule(arrives, delayMs, what, () => {
      if (!isWanted()) return
      if (arrives === this.system || this.isCut(from, to))
        this.#carry(from, to, retransmitMs, what, isWanted, work)
      else work()
    })
  }
}

interface Message {
  readonly what: string
  readonly work: () => void
}

/** One direction of a connection: what is sent first comes first. */
class Pipe {
  readonly #network: VirtualNetwork
  readonly #from: Host
  readonly #to: Host
  readonly #queue: Message[] = []
  readonly #isOpen: () => boolean
  #isBusy = false

  constructor(network: VirtualNetwork, from: Host, to: Host, isOpen: () => boolean) {
    this.#network = network
    this.#from = from
    this.#to = to
    this.#isOpen = isOpen
  }

  send(message: Message): void {
    this.#queue.push(message)
    if (!this.#isBusy) this.#next()
  }

  #next(): void {
    const message = this.#queue.shift()
    this.#isBusy = message !== undefined
    if (!message) return
    this.#network.carry(this.#from, this.#to, message.what, this.#isOpen, () => {
      message.work()
      this.#next()
    })
  }
}

export class VirtualConnection {
  readonly client: Host
  readonly server: Host
  readonly #time: VirtualTime
  readonly #network: VirtualNetwork
  readonly #clientGeneration: number
  readonly #serverGeneration: number
  readonly #up: Pipe
  readonly #down: Pipe
  readonly #served: ServedConnection
  readonly #waiting = new Map<
    number,
    { resolve: (answer: unknown) => void; reject: (error: Error) => void }
  >()
  #sent = 0
  #answers: Promise<unknown> = Promise.resolve()
  /** As the client has seen it. */
  #isClosed = false
  #isClosedAtServer = false
  onClosed: (() => void) | undefined

  constructor(time: VirtualTime, network: VirtualNetwork, client: Host, server: Host) {
    this.#time = time
    this.#network = network
    this.client = client
    this.server = server
    this.#clientGeneration = client.generation
    this.#serverGeneration = server.generation
    this.#up = new Pipe(network, client, server, () => !this.#isClosedAtServer && this.#isServerAlive)
    this.#down = new Pipe(network, server, client, () => !this.#isClosed && this.#isClientAlive)
    this.#served = new ServedConnection(client)
    network.open(this)
  }

  get closed(): boolean {
    return this.#isClosed
  }

  concerns(host: Host): boolean {
    return this.client === host || this.server === host
  }

  /** By the client's process. Rejects where the connection ends, or after `timeoutMs`, which ends it. */
  request(api: string, request: unknown, timeoutMs: number): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new ConnectionLostError('closed'))
    const id = this.#sent++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.close(), timeoutMs)
      const settle = <T>(work: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer)
          this.#waiting.delete(id)
          work(value)
        }
      }
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
      this.#up.send({
        what: api,
        work: () => {
          const answer = this.#network.server(this.server)!.handle(api, request, this.#served)
          const before = this.#answers
          this.#answers = answer.then(
            (value) => before.then(() => this.#answer(id, api, value)),
            () => this.resetBy(this.server),
          )
        },
      })
    })
  }

  /** By the client's process; what has no answer. */
  send(api: string, request: unknown): void {
    if (this.#isClosed) return
    this.#up.send({
      what: api,
      work: () => void this.#network.server(this.server)!.handle(api, request, this.#served),
    })
  }

  /** By the client's process: the server is told. */
  close(): void {
    if (this.#isClosed) return
    this.#closeAtClient()
    this.#network.carry(
      this.client,
      this.server,
      'close',
      () => this.#isServerAlive,
      () => this.#closeAtServer(),
    )
  }

  /** The end of `host` is gone; the other one hears of it. */
  resetBy(host: Host): void {
    this.#network.forget(this)
    if (host === this.client) {
      this.#isClosed = true
      this.#network.carry(
        host,
        this.server,
        'reset',
        () => this.#isServerAlive,
        () => this.#closeAtServer(),
      )
    } else {
      this.#isClosedAtServer = true
      this.#network.carry(
        host,
        this.client,
        'reset',
        () => this.#isClientAlive,
        () => this.#closeAtClient(),
      )
      if (this.#isServerAlive) this.#time.schedule(host, 0, 'reset', () => this.#closeAtServer())
    }
    if (host === this.client && this.#isClientAlive)
      this.#time.schedule(host, 0, 'reset', () => this.#closeAtClient())
  }

  /** The end of `host` is gone, and the other one hears nothing until it gives up, or the machine is back. */
  silence(host: Host): void {
    const other = host === this.client ? this.server : this.client
    const look = () => {
      if (!this.#network.isPowered(host)) this.#time.schedule(this.#network.system, 500, 'silence', look)
      else
        this.#network.carry(
          host,
          other,
          'reset',
          () => true,
          () => {
            if (other === this.client && this.#isClientAlive) this.#closeAtClient()
            else if (other === this.server && this.#isServerAlive) this.#closeAtServer()
          },
        )
    }
    look()
    this.#network.forget(this)
  }

  get #isClientAlive(): boolean {
    return this.client.generation === this.#clientGeneration
  }

  get #isServerAlive(): boolean {
    return this.server.generation === this.#serverGeneration
  }

  #answer(id: number, api: string, answer: unknown): void {
    this.#down.send({ what: `${api} answered`, work: () => this.#waiting.get(id)?.resolve(answer) })
  }

  #closeAtClient(): void {
    this.#isClosed = true
    for (const { reject } of [...this.#waiting.values()]) reject(new ConnectionLostError('closed'))
    const { onClosed } = this
    this.onClosed = undefined
    onClosed?.()
  }

  #closeAtServer(): void {
    this.#network.forget(this)
    this.#isClosedAtServer = true
    this.#served.end()
  }
}

/** A connection as the server's handlers know it. */
export class ServedConnection {
  readonly listenerName = 'PLAINTEXT'
  readonly remoteAddress: string
  /** As its server opened it with the first request. */
  session: Session | undefined
  readonly #closeListeners = new Set<() => void>()
  #isClosed = false

  constructor(client: Host) {
    this.remoteAddress = client.name
  }

  onClose(callback: () => void): () => void {
    if (this.#isClosed) callback()
    else this.#closeListeners.add(callback)
    return () => this.#closeListeners.delete(callback)
  }

  close(): void {
    this.end()
  }

  mute(): void {
    throw new Error('nothing is throttled here')
  }

  end(): void {
    this.#isClosed = true
    for (const listener of [...this.#closeListeners]) listener()
    this.#closeListeners.clear()
  }
}

/** What `net.connect` gives: enough of a socket for a connection that carries nothing. */
export class VirtualSocket extends EventEmitter {
  #connection: VirtualConnection | undefined
  #isDestroyed = false

  constructor(network: VirtualNetwork, from: Host, to: Host) {
    super()
    network.knock(from, to, () => !this.#isDestroyed, {
      accepted: (connection) => {
        this.#connection = connection
        connection.onClosed = () => this.#close()
        this.emit('connect')
      },
      refused: () => {
        this.emit('error', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
        this.#close()
      },
    })
  }

  unref(): this {
    return this
  }

  resume(): this {
    return this
  }

  destroy(): this {
    if (this.#isDestroyed) return this
    this.#connection?.close()
    this.#close()
    return this
  }

  #close(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    queueMicrotask(() => this.emit('close'))
  }
}
