/**
 * Takes a broker out of the cluster: its registration counts no more, and neither do the settings that were changed for
 * it. Its broker epoch is kept: should it come back, it goes on from there.
 *
 * Refused is what could not be made good: a broker that lives and holds replicas, and one that alone has what some
 * partition holds. A process that is unregistered while it runs learns so, and ends.
 */

import type { BrokerConfig } from '../../config/index.js'
import { KafkaError } from '../../protocol/index.js'
import type { ClusterImage } from '../image/cluster-image.js'
import { type BrokerValue, brokerKey, configKey, liveKey } from '../store/metadata-keys.js'
import type { MetadataPut, MetadataStore } from '../store/metadata-store.js'

/** How long the controller may take to move what a broker that died has led. */
const settlePatienceMs = 10_000

const decommissioned = 'decommissioned.brokers'

export class BrokerRemoval {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
  readonly #config: BrokerConfig

  constructor(store: MetadataStore, image: ClusterImage, config: BrokerConfig) {
    this.#store = store
    this.#image = image
    this.#config = config
  }

  /** Resolves when the broker is no member any more. Throws a KafkaError where it stays one. */
  async unregister(id: number): Promise<void> {
    const { leases } = this.#store
    if (!leases) throw new KafkaError('INVALID_REQUEST', 'A broker without a cluster cannot be unregistered')
    for (;;) {
      await this.#check(id)
      const live = this.#image.live(id)
      const { succeeded } = await this.#remove(id)
      if (!succeeded) continue
      // What else hangs on its lease, the controller's key, is free at once.
      if (live) await leases.revoke(live.lease).catch(() => {})
      return
    }
  }

  async #check(id: number): Promise<void> {
    if (!this.#image.brokers.has(id)) {
      throw new KafkaError('BROKER_ID_NOT_REGISTERED', `There is no broker ${id}`)
    }
    const held = this.#partitionsOf(id)
    if (this.#image.memberState(id) !== 'fenced') {
      if (held.length === 0) return
      throw new KafkaError(
        'INVALID_REQUEST',
        `Broker ${id} lives and has replicas of ${held.length} partitions: decommission it, or stop it first`,
      )
    }
    const sole = held.filter(({ isr }) => isr.length === 1 && isr[0] === id)
    if (sole.length > 0) {
      throw new KafkaError(
        'INVALID_REQUEST',
        `Broker ${id} alone has what ${sole.length} partitions hold: start it, or have other leaders elected uncleanly`,
      )
    }
    const leads = () => this.#partitionsOf(id).some(({ leader }) => leader === id)
    await this.#image.until(() => !leads(), settlePatienceMs)
    if (leads()) throw new KafkaError('REQUEST_TIMED_OUT', `Broker ${id} still leads partitions`)
  }

  #partitionsOf(id: number) {
    return [...this.#image.topics.values()].flatMap(({ partitions }) =>
      partitions.filter(({ replicas }) => replicas.includes(id)),
    )
  }

  async #remove(id: number) {
    const { brokers } = this.#image
    const entry = await this.#store.get(brokerKey(id))
    const value = JSON.parse(entry!.value) as BrokerValue
    const isLive = this.#image.live(id) !== undefined
    const hasSettings = this.#image.brokerConfigRevision(id) > 0
    const removed: MetadataPut = {
      key: brokerKey(id),
      value: JSON.stringify({ ...value, isUnregistered: true } satisfies BrokerValue),
    }
    const mark = this.#withoutMark(id)
    return this.#store.txn({
      compares: [
        { key: brokerKey(id), modRevision: brokers.get(id)?.revision ?? -1 },
        { key: liveKey(id), modRevision: this.#image.liveRevision(id) },
        { key: configKey(id), modRevision: this.#image.brokerConfigRevision(id) },
        { key: configKey(null), modRevision: this.#image.brokerConfigRevision(null) },
      ],
      puts: mark ? [removed, mark] : [removed],
      deletes: [...(isLive ? [liveKey(id)] : []), ...(hasSettings ? [configKey(id)] : [])],
    })
  }

  /** The settings of all brokers without the mark of a decommissioning, where there is one. */
  #withoutMark(id: number): MetadataPut | undefined {
    const ids = this.#config.get(decommissioned)
    const overrides = new Map(this.#image.brokerOverrides(null))
    if (!ids.includes(String(id)) || !overrides.has(decommissioned)) return undefined
    const left = ids.filter((each) => each !== String(id))
    if (left.length > 0) overrides.set(decommissioned, left.join(','))
    else overrides.delete(decommissioned)
    return { key: configKey(null), value: JSON.stringify(Object.fromEntries(overrides)) }
  }
}
