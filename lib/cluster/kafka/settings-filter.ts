/** Which of Kafka's settings mean something here. The others are left out, each with the reason. */
import { type BrokerConfig, ConfigError } from '../../config/index.js'

export interface LeftOutSetting {
  /** The topic or broker; 'all brokers' for those of all. */
  readonly of: string
  readonly name: string
  readonly why: string
}

type Settings = ReadonlyMap<string, string>

export class SettingsFilter {
  readonly leftOut: LeftOutSetting[] = []
  readonly #config: BrokerConfig

  constructor(config: BrokerConfig) {
    this.#config = config
  }

  ofTopic(topic: string, settings: Settings): Map<string, string> {
    return this.#keep(`topic ${topic}`, settings, (kept) => this.#config.validateTopic(kept))
  }

  /** `brokerId` is null for those of all brokers. */
  ofBrokers(settings: Settings, brokerId: number | null): Map<string, string> {
    const scope = brokerId === null ? 'cluster-wide' : 'per-broker'
    const of = brokerId === null ? 'all brokers' : `broker ${brokerId}`
    return this.#keep(of, settings, (kept) => this.#config.validateDynamic(kept, scope))
  }

  /** One after the other, so that one which does not fit keeps no other out. */
  #keep(of: string, settings: Settings, check: (kept: Settings) => void): Map<string, string> {
    const kept = new Map<string, string>()
    for (const [name, text] of settings) {
      try {
        check(new Map([...kept, [name, text]]))
        kept.set(name, text)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        this.leftOut.push({ of, name, why: error.message })
      }
    }
    return kept
  }
}
