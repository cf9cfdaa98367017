/**
 * Sees at once that another broker's process is gone, where its lease would tell only seconds later: a connection to
 * each of them that carries nothing. One that ends, and whose port then refuses a new one, has nobody behind it any
 * more: its lease is revoked. A host that falls silent, or a link, is left to the lease.
 */

import { connect, type Socket } from 'node:net'
import type { Logger } from 'pino'
import { clearTimeout, setTimeout, type Timer } from '../../time/index.js'
import type { BrokerImage, ClusterImage } from '../image/cluster-image.js'
import type { MetadataLeases } from '../store/metadata-store.js'

/** Between attempts to reach one that was never reached, or that ends connections as soon as they stand. */
const pauseMs = 1_000
/** A connection that stood for so long is made anew at once. */
const steadyMs = 1_000

interface Peer {
  readonly brokerEpoch: number
  readonly lease: string
  readonly host: string
  readonly port: number
  socket: Socket | undefined
  timer: Timer | undefined
  wasConnected: boolean
}

export class PeerConnections {
  readonly #image: ClusterImage
  readonly #leases: MetadataLeases
  readonly #listenerName: string
  readonly #log: Logger
  readonly #peers = new Map<number, Peer>()
  readonly #stopListening: () => void

  constructor(image: ClusterImage, leases: MetadataLeases, listenerName: string, log: Logger) {
    this.#image = image
    this.#leases = leases
    this.#listenerName = listenerName
    this.#log = log
    this.#stopListening = image.onChange(({ membersChanged }) => {
      if (membersChanged) this.#follow()
    })
  }

  close(): void {
    this.#stopListening()
    for (const id of [...this.#peers.keys()]) this.#drop(id)
  }

  #follow(): void {
    for (const [id, { brokerEpoch, lease }] of this.#peers) {
      const live = this.#image.live(id)
      if (live?.lease !== lease || live.brokerEpoch !== brokerEpoch) this.#drop(id)
    }
    for (const broker of this.#image.brokers.values()) {
      if (broker.id !== this.#image.nodeId && !this.#peers.has(broker.id)) this.#add(broker)
    }
  }

  #add({ id, brokerEpoch, endpoints }: BrokerImage): void {
    const live = this.#image.live(id)
    const endpoint = endpoints.find(({ name }) => name === this.#listenerName)
    if (!endpoint || live?.brokerEpoch !== brokerEpoch) return
    const { host, port } = endpoint
    const peer: Peer = {
      brokerEpoch,
      lease: live.lease,
      host,
      port,
      socket: undefined,
      timer: undefined,
      wasConnected: false,
    }
    this.#peers.set(id, peer)
    this.#connect(id, peer)
  }

  #drop(id: number): void {
    const peer = this.#peers.get(id)
    this.#peers.delete(id)
    clearTimeout(peer?.timer)
    peer?.socket?.destroy()
  }

  #connect(id: number, peer: Peer): void {
    if (this.#peers.get(id) !== peer) return
    let connectedAt: number | undefined
    let isRefused = false
    const socket = connect(peer.port, peer.host)
    peer.socket = socket
    socket.unref()
    socket.on('connect', () => {
      connectedAt = performance.now()
      peer.wasConnected = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      isRefused = error.code === 'ECONNREFUSED'
    })
    socket.on('close', () => {
      if (this.#peers.get(id) !== peer) return
      if (isRefused && peer.wasConnected) {
        this.#fence(id, peer)
        return
      }
      const wasSteady = connectedAt !== undefined && performance.now() - connectedAt >= steadyMs
      // The first connection may end soon as well: its port is asked at once, too.
      const pause = wasSteady || (connectedAt !== undefined && !peer.timer) ? 0 : pauseMs
      peer.timer = setTimeout(() => this.#connect(id, peer), pause)
      peer.timer.unref()
    })
    socket.resume()
  }

  #fence(id: number, peer: Peer): void {
    this.#drop(id)
    this.#log.warn({ broker: id }, 'a broker is gone: its port refuses connections')
    this.#leases.revoke(peer.lease).catch((error: unknown) => {
      this.#log.warn({ err: error, broker: id }, 'a lease could not be revoked; it ends by itself')
    })
  }
}
