/** Accepts clients on one address and serves their frames. */

import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Logger } from 'pino'
import { clearTimeout, setTimeout, type Timer } from '../time/index.js'
import type { Accept } from './connection.js'
import type { ConnectionQuota } from './connection-quota.js'
import type { FrameBudget } from './frame-budget.js'
import type { NetworkLimits } from './limits.js'
import { defaultPlaintextOptions, type PlaintextOptions, PlaintextTransport } from './plaintext-transport.js'
import { ServerConnection } from './server-connection.js'

export interface ListenOptions {
  /** Empty for every interface. */
  host: string
  /** 0 takes a free port. */
  port: number
  listenerName: string
  accept: Accept
  /** Shared, with the three below, by all listeners of a broker. */
  limits: NetworkLimits
  budget: FrameBudget
  connections: ConnectionQuota
  log: Logger
  plaintext?: Readonly<PlaintextOptions>
}

export interface Listener {
  readonly listenerName: string
  readonly address: string
  readonly port: number
  /** Open connections of this listener. */
  readonly connectionCount: number
  /**
   * Accepts and reads no more, waits up to `graceMs` for what was asked to be answered, closes. Resolves when all
   * connections are closed.
   */
  close(graceMs?: number): Promise<void>
}

/** Rejects with Node's error (EADDRINUSE, EACCES, ...) where the address cannot be bound. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const listener = new SocketListener(options)
  await listener.open()
  return listener
}

/** Refusals are logged at most this often: a client that is refused tends to come back at once. */
const refusalLogMs = 1_000

class SocketListener implements Listener {
  readonly listenerName: string
  readonly #options: ListenOptions
  readonly #server = createServer({ pauseOnConnect: true, allowHalfOpen: true })
  readonly #open = new Set<ServerConnection>()
  #count = 0
  #idleTimer: Timer | undefined
  #refusalLoggedAt = Number.NEGATIVE_INFINITY
  #refusals = 0
  #drained: (() => void) | undefined
  #closing: Promise<void> | undefined
  address = ''
  port = 0

  constructor(options: ListenOptions) {
    this.listenerName = options.listenerName
    this.#options = options
  }

  get connectionCount(): number {
    return this.#open.size
  }

  async open(): Promise<void> {
    const { host, port, log } = this.#options
    this.#server.listen({ port, host: host === '' ? undefined : host, backlog: 1024 })
    await once(this.#server, 'listening')
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') throw new Error('a TCP server has a TCP address')
    this.address = bound.address
    this.port = bound.port
    this.#server.on('connection', (socket) => this.#accept(socket))
    // Out of file descriptors, say: the next accept may work.
    this.#server.on('error', (err) => log.error({ err, listener: this.listenerName }, 'accept failed'))
    this.#scheduleIdleCheck()
  }

  close(graceMs = 0): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    clearTimeout(this.#idleTimer)
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const connection of this.#open) connection.drain()
    if (this.#open.size > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#drained = resolve
      })
      const timer = setTimeout(() => {
        for (const connection of this.#open) connection.close('the listener is closed')
      }, graceMs)
      await drained
      clearTimeout(timer)
    }
    await closed
  }

  #accept(socket: Socket): void {
    const { connections, accept, limits, budget, log, plaintext } = this.#options
    // The address is gone when the peer has already reset the connection.
    const remoteAddress = plainAddress(socket.remoteAddress ?? '')
    if (remoteAddress === '' || this.#closing !== undefined) {
      socket.destroy()
      return
    }
    const setting = connections.enter(remoteAddress)
    if (setting !== undefined) {
      socket.destroy()
      this.#logRefusal(remoteAddress, setting)
      return
    }
    const localAddress = plainAddress(socket.localAddress ?? '')
    const remotePort = socket.remotePort ?? 0
    const identity = {
      id: `${localAddress}:${socket.localPort}-${remoteAddress}:${remotePort}-${this.#count++}`,
      listenerName: this.listenerName,
      remoteAddress,
      remotePort,
      localAddress,
    }
    const transport = new PlaintextTransport(socket, plaintext ?? defaultPlaintextOptions)
    const connection = new ServerConnection(identity, transport, accept, limits, budget, log)
    this.#open.add(connection)
    connection.onClose(() => {
      this.#open.delete(connection)
      connections.leave(remoteAddress)
      if (this.#open.size === 0) this.#drained?.()
    })
  }

  #logRefusal(address: string, setting: string): void {
    this.#refusals++
    const now = performance.now()
    if (now - this.#refusalLoggedAt < refusalLogMs) return
    const fields = { client: address, listener: this.listenerName, setting, refused: this.#refusals }
    this.#options.log.warn(fields, `refused a connection from ${address} (${setting})`)
    this.#refusalLoggedAt = now
    this.#refusals = 0
  }

  /** One timer for all connections: what is idle is closed within a quarter more than its time. */
  #scheduleIdleCheck(): void {
    const period = Math.min(Math.max(this.#options.limits.maxIdleMs / 4, 10), 10_000)
    this.#idleTimer = setTimeout(() => {
      for (const connection of this.#open) connection.checkIdle(period)
      this.#scheduleIdleCheck()
    }, period).unref()
  }
}

/** IPv4 clients of an IPv6 socket by their IPv4 address, as settings name them. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
