/**
 * A client as handlers know it: who it is, how it came, and what the broker remembers of it for as long as it stays
 * connected. Sockets have one for each connection; a client in this process has one too.
 */
import type { Authorizer } from './authorizer.js'
import { Rights } from './rights.js'

/** What a session needs of the connection below it. */
export interface SessionConnection {
  readonly listenerName: string
  readonly remoteAddress: string
  /** Calls back once, when the connection is closed; at once when it already is. Returns how to stop it. */
  onClose(callback: () => void): () => void
  close(reason: string): void
  /** Takes no more requests for `ms`. */
  mute(ms: number): void
}

export const ANONYMOUS = 'User:ANONYMOUS'

export class Session {
  readonly listenerName: string
  /** The client's address, without its port. */
  readonly remoteAddress: string
  /** In Kafka's form, `User:alice`. */
  principal: string
  /** False on a listener with authentication, until the client has logged in: nothing but that is answered before. */
  isAuthenticated = true
  /** From the client's ApiVersions request; empty until it has sent one. */
  clientSoftware: { readonly name: string; readonly version: string } = { name: '', version: '' }
  readonly rights: Rights
  readonly #connection: SessionConnection
  /** By the index of their slot. */
  readonly #slots: unknown[] = []

  constructor(connection: SessionConnection, authorizer: Authorizer, principal = ANONYMOUS) {
    this.#connection = connection
    this.listenerName = connection.listenerName
    this.remoteAddress = connection.remoteAddress
    this.principal = principal
    this.rights = new Rights(authorizer, this)
  }

  onClose(callback: () => void): () => void {
    return this.#connection.onClose(callback)
  }

  /** `reason` goes to the log at debug level. */
  close(reason: string): void {
    this.#connection.close(reason)
  }

  mute(ms: number): void {
    this.#connection.mute(ms)
  }

  /** What stands in the slot, put there by `create` at first. */
  get<T>(slot: SessionSlot<T>): T {
    return (this.#slots[slot.index] ??= slot.create()) as T
  }

  set<T>(slot: SessionSlot<T>, value: T): void {
    this.#slots[slot.index] = value
  }
}

/** Something that a part of the broker remembers of each session. Made once, as a constant of its module. */
export class SessionSlot<T> {
  static #count = 0
  readonly index = SessionSlot.#count++
  readonly create: () => T

  constructor(create: () => T) {
    this.create = create
  }
}
