/**
 * This broker's life in a cluster that shares a store: its registration under a new broker epoch, the lease that says
 * that it lives, and the way back when that is lost.
 *
 * A registration (`brokers/<id>`) stays; the liveness key (`live/<id>`) goes with its lease. Who has no liveness key
 * of its present epoch is fenced: it is not elected and leaves the ISRs.
 *
 * INVARIANT: `isLeased` is true only while no other broker can have seen the lease end: it is counted from when the
 * last answered keepalive was sent, on a clock that goes on while the machine sleeps or the process is stopped.
 */

import type { Logger } from 'pino'
import { ConfigError } from '../../config/index.js'
import { randomUuid } from '../../protocol/index.js'
import { clearTimeout, setTimeout, sleep, type Timer } from '../../time/index.js'
import { leaveIsrs, soleReplicaOf } from '../changes/isr-leave.js'
import type { ClusterImage } from '../image/cluster-image.js'
import { MetadataRolledBackError } from '../store/metadata-errors.js'
import {
  type BrokerEndpoint,
  type BrokerValue,
  brokerKey,
  type LiveValue,
  liveKey,
} from '../store/metadata-keys.js'
import type { MetadataLeases, MetadataStore } from '../store/metadata-store.js'
import { RepeatedFailure } from '../store/repeated-failure.js'
import { BootClock } from './boot-clock.js'

export interface LivenessOptions {
  readonly store: MetadataStore
  readonly leases: MetadataLeases
  readonly image: ClusterImage
  readonly directoryId: string
  readonly rack: string | null
  readonly ttlMs: number
  readonly log: Logger
}

/** Keepalives in the time of one lease. */
const keepAlivesPerLease = 4
/** Between attempts where one failed: a lease is short, and the next member of etcd may answer. */
const retryMs = 100
const rejoinPauseMs = 200
/** How long a stop waits for other brokers to take over what this one leads. */
const leavePatienceMs = 5_000
/**
 * How long clients are told then who leads now. Some look for another leader when they are told so, and not when
 * their connection ends. A Kafka broker stays about as long, until the others have heard of the change.
 */
const farewellMs = 1_000

export class Liveness {
  /** Called whenever the lease holds that did not hold before. */
  onLeased: (() => void) | undefined
  /** Called once, where this broker can never take part again. */
  onFailed: ((error: Error) => void) | undefined
  readonly #options: LivenessOptions
  readonly #nodeId: number
  /** Of this process: a registration of another one is not ours, whatever it says else. */
  readonly #incarnation = randomUuid()
  readonly #clock = new BootClock()
  readonly #stopListening: () => void
  readonly #notRenewed: RepeatedFailure
  readonly #notRegistered: RepeatedFailure
  #brokerEpoch = 0
  #endpoints: readonly BrokerEndpoint[] = []
  #lease: string | undefined
  #leasedUntil = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #joining: Promise<void> | undefined
  #isLive = false
  #isLeaving = false
  #closed = false

  constructor(options: LivenessOptions) {
    this.#options = options
    this.#nodeId = options.image.nodeId
    this.#notRenewed = new RepeatedFailure(options.log, 'the lease of this broker could not be renewed')
    this.#notRegistered = new RepeatedFailure(options.log, 'this broker could not register anew yet')
    this.#stopListening = options.image.onChange(({ membersChanged }) => {
      if (membersChanged) this.#look()
    })
  }

  /** False where others may have fenced this broker: then nothing that could be lost may be acknowledged. */
  get isLeased(): boolean {
    return this.#clock.now() < this.#leasedUntil
  }

  get lease(): string | undefined {
    return this.#lease
  }

  /**
   * Registers a new broker epoch. After an unclean stop this broker leaves every ISR of which it is not the last
   * member: its log may lack what the others have. Throws ConfigError where the node id is another broker's.
   */
  async register(wasCleanlyStopped: boolean): Promise<void> {
    const { store, leases, directoryId } = this.#options
    for (;;) {
      const [entry, live] = await Promise.all([
        store.get(brokerKey(this.#nodeId)),
        store.get(liveKey(this.#nodeId)),
      ])
      const before = entry && (JSON.parse(entry.value) as BrokerValue)
      const isMember = before !== undefined && !before.isUnregistered
      if (isMember && before.directoryId !== directoryId)
        await this.#checkSuccession(before, live !== undefined)
      this.#brokerEpoch = (before?.brokerEpoch ?? 0) + 1
      const { succeeded } = await store.txn({
        compares: [{ key: brokerKey(this.#nodeId), modRevision: entry?.modRevision ?? 0 }],
        puts: [this.#registration()],
        deletes: [liveKey(this.#nodeId)],
      })
      if (!succeeded) continue
      // What held the old lease beside, the controller's key, is free at once.
      if (live) await leases.revoke((JSON.parse(live.value) as LiveValue).lease)
      const takesOver = isMember && before.directoryId !== directoryId
      if (!wasCleanlyStopped || takesOver) await leaveIsrs(store, this.#nodeId)
      return
    }
  }

  /** Others may elect this broker, and clients are told of it, from here on. */
  async join(endpoints: readonly BrokerEndpoint[]): Promise<void> {
    this.#endpoints = endpoints
    if (!(await this.#goLive())) throw this.#takenOver()
    this.#scheduleKeepAlive()
  }

  /** Has others take over what this broker leads; resolves when they have and clients were told, or after a while. */
  async leave(): Promise<void> {
    this.#isLeaving = true
    if (!this.#isLive) return
    const { store, image, log } = this.#options
    try {
      const entry = await store.get(liveKey(this.#nodeId))
      if (!entry || !this.#lease) return
      const value: LiveValue = { brokerEpoch: this.#brokerEpoch, lease: this.#lease, isStopping: true }
      const { succeeded } = await store.txn({
        compares: [{ key: entry.key, modRevision: entry.modRevision }],
        puts: [{ key: entry.key, value: JSON.stringify(value), lease: this.#lease }],
      })
      if (!succeeded || !image.leadsWhatOthersCould()) return
      await image.until(() => !image.leadsWhatOthersCould(), leavePatienceMs)
      await sleep(farewellMs)
    } catch (error) {
      log.warn({ err: error }, 'leaderships could not be handed over')
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopListening()
    clearTimeout(this.#timer)
    this.#leasedUntil = Number.NEGATIVE_INFINITY
    await this.#joining
    const lease = this.#lease
    this.#lease = undefined
    if (lease === undefined) return
    // Without an answer the lease ends by itself.
    await this.#options.leases.revoke(lease).catch(() => {})
  }

  #registration() {
    const { directoryId, rack } = this.#options
    const value: BrokerValue = {
      brokerEpoch: this.#brokerEpoch,
      directoryId,
      incarnation: this.#incarnation,
      rack,
      endpoints: this.#endpoints,
    }
    return { key: brokerKey(this.#nodeId), value: JSON.stringify(value) }
  }

  /** Another data folder under this node id: only where the old one is away and nothing depends on it. */
  async #checkSuccession({ directoryId }: BrokerValue, isLive: boolean): Promise<void> {
    const owner = `node.id ${this.#nodeId} belongs to a broker with another data folder (directory.id ${directoryId})`
    if (isLive) fail(`${owner}, which is running: choose another node.id`)
    const sole = await soleReplicaOf(this.#options.store, this.#nodeId)
    if (sole === 0) return
    fail(
      `${owner}, which alone has what ${sole} partitions hold: start it with that folder, or choose another node.id`,
    )
  }

  /** False where another broker has taken over the node id. */
  async #goLive(): Promise<boolean> {
    const { store, leases, ttlMs } = this.#options
    const sentAt = this.#clock.now()
    const granted = await leases.grant(ttlMs)
    for (;;) {
      const entry = await store.get(brokerKey(this.#nodeId))
      if (!entry || !this.#isOwn(JSON.parse(entry.value))) {
        await leases.revoke(granted.id)
        return false
      }
      const live: LiveValue = { brokerEpoch: this.#brokerEpoch, lease: granted.id }
      const { succeeded } = await store.txn({
        compares: [{ key: entry.key, modRevision: entry.modRevision }],
        puts: [
          this.#registration(),
          { key: liveKey(this.#nodeId), value: JSON.stringify(live), lease: granted.id },
        ],
      })
      if (!succeeded) continue
      this.#lease = granted.id
      this.#leasedUntil = sentAt + granted.ttlMs
      this.#isLive = true
      this.onLeased?.()
      this.#look()
      return true
    }
  }

  #isOwn({ incarnation, brokerEpoch, isUnregistered }: BrokerValue): boolean {
    return !isUnregistered && incarnation === this.#incarnation && brokerEpoch === this.#brokerEpoch
  }

  #scheduleKeepAlive(pauseMs = this.#options.ttlMs / keepAlivesPerLease): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => void this.#keepAlive(), pauseMs)
    this.#timer.unref()
  }

  async #keepAlive(): Promise<void> {
    const { leases, ttlMs } = this.#options
    const lease = this.#lease
    let pauseMs: number | undefined
    if (lease !== undefined && !this.#joining) {
      const sentAt = this.#clock.now()
      try {
        const isAlive = await leases.keepAlive(lease, ttlMs / 2)
        if (this.#lease === lease) {
          if (isAlive) this.#renewed(sentAt + ttlMs)
          else this.#lost()
        }
      } catch (error) {
        if (error instanceof MetadataRolledBackError) {
          this.#fail(error)
          return
        }
        this.#notRenewed.tell(error)
        pauseMs = retryMs
      }
    }
    this.#scheduleKeepAlive(pauseMs)
  }

  #renewed(until: number): void {
    const wasLeased = this.isLeased
    this.#leasedUntil = Math.max(this.#leasedUntil, until)
    if (!wasLeased) this.onLeased?.()
  }

  /** The store says that this broker is fenced: somebody saw it die, or its lease ended. */
  #look(): void {
    if (!this.#isLive || this.#joining || this.#closed) return
    if (this.#options.image.memberState(this.#nodeId) === 'fenced') this.#lost()
  }

  #lost(): void {
    if (this.#closed || this.#joining) return
    this.#isLive = false
    this.#lease = undefined
    this.#leasedUntil = Number.NEGATIVE_INFINITY
    if (this.#isLeaving) return
    this.#options.log.warn('this broker was fenced: it registers anew')
    this.#joining = this.#rejoin().finally(() => {
      this.#joining = undefined
    })
  }

  /** Until it is registered again under a new epoch, whatever the store answers meanwhile. */
  async #rejoin(): Promise<void> {
    const { store, log } = this.#options
    while (!this.#closed) {
      try {
        const entry = await store.get(brokerKey(this.#nodeId))
        const found = entry && (JSON.parse(entry.value) as BrokerValue)
        const isMember = found && !found.isUnregistered
        if (!isMember || found.incarnation !== this.#incarnation) {
          this.#fail(isMember ? this.#takenOver() : unregistered(this.#nodeId))
          return
        }
        this.#brokerEpoch = found.brokerEpoch + 1
        const { succeeded } = await store.txn({
          compares: [{ key: entry.key, modRevision: entry.modRevision }],
          puts: [this.#registration()],
          deletes: [liveKey(this.#nodeId)],
        })
        if (!succeeded) continue
        if (await this.#goLive()) {
          log.info({ brokerEpoch: this.#brokerEpoch }, 'registered anew')
          return
        }
      } catch (error) {
        if (error instanceof MetadataRolledBackError) {
          this.#fail(error)
          return
        }
        this.#notRegistered.tell(error)
      }
      await sleep(rejoinPauseMs)
    }
  }

  #fail(reason: Error): void {
    this.#leasedUntil = Number.NEGATIVE_INFINITY
    this.#options.log.fatal(`${reason.message}; this broker serves nothing any more`)
    this.onFailed?.(reason)
  }

  #takenOver(): ConfigError {
    return configError(`another broker has started with node.id ${this.#nodeId}: choose another node.id`)
  }
}

function unregistered(nodeId: number): ConfigError {
  return configError(`node.id ${nodeId} was unregistered from the cluster while this broker ran`)
}

function configError(message: string): ConfigError {
  return new ConfigError('INVALID_VALUE', message, 'node.id')
}

function fail(message: string): never {
  throw configError(message)
}
