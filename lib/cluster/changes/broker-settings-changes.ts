/** Changes brokers' settings while they run, and gives out producer ids. Both live in the metadata store. */

import {
  alterFully,
  alterIncrementally,
  type BrokerConfig,
  type BrokerSettingName,
  type ConfigOperation,
} from '../../config/index.js'
import { KafkaError } from '../../protocol/index.js'
import type { ClusterImage } from '../image/cluster-image.js'
import { configKey } from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'
import { checkedBrokerConfig } from './config-errors.js'

export class BrokerSettingsChanges {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
  readonly #config: BrokerConfig

  constructor(store: MetadataStore, image: ClusterImage, config: BrokerConfig) {
    this.#store = store
    this.#image = image
    this.#config = config
  }

  /** IncrementalAlterConfigs of a broker, or of all brokers where `brokerId` is null. Throws KafkaError. */
  alterBrokerConfigs(
    brokerId: number | null,
    operations: readonly ConfigOperation[],
    validateOnly = false,
  ): Promise<void> {
    return this.#change(brokerId, validateOnly, (current) =>
      alterIncrementally('broker', current, operations, (name) => {
        const value: unknown = this.#config.get(name as BrokerSettingName)
        return Array.isArray(value) ? value : []
      }),
    )
  }

  /** AlterConfigs of a broker, or of all brokers where `brokerId` is null: what is not given is unset. */
  replaceBrokerConfigs(
    brokerId: number | null,
    entries: readonly { name: string; value: string | null }[],
    validateOnly = false,
  ): Promise<void> {
    return this.#change(brokerId, validateOnly, () => alterFully(entries))
  }

  async #change(
    brokerId: number | null,
    validateOnly: boolean,
    change: (current: ReadonlyMap<string, string>) => Map<string, string>,
  ): Promise<void> {
    if (brokerId !== null && !this.#image.brokers.has(brokerId)) {
      throw new KafkaError('INVALID_REQUEST', `There is no broker ${brokerId}`)
    }
    for (;;) {
      const overrides = checkedBrokerConfig(() => {
        const changed = change(this.#image.brokerOverrides(brokerId))
        this.#config.validateDynamic(changed, brokerId === null ? 'cluster-wide' : 'per-broker')
        return changed
      })
      if (validateOnly) return
      const key = configKey(brokerId)
      const { succeeded } = await this.#store.txn({
        compares: [{ key, modRevision: this.#image.brokerConfigRevision(brokerId) }],
        puts: [{ key, value: JSON.stringify(Object.fromEntries(overrides)) }],
      })
      if (succeeded) return
    }
  }
}
