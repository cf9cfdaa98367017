/** What handlers delegate to: the rooms below, as one broker has them. */
import type { Logger } from 'pino'
import type { Cluster } from '../cluster/index.js'
import type { BrokerConfig } from '../config/index.js'
import type { Coordinator, GroupCoordinator } from '../coordinator/index.js'
import type { Replicas } from '../replica/index.js'
import type { Fetch } from './fetch/fetch.js'
import type { FetchSessions } from './fetch/fetch-sessions.js'
import type { ReadReplicas } from './fetch/read-replicas.js'
import type { Traffic } from './metrics/traffic.js'
import type { Authorizer } from './pipeline/authorizer.js'
import type { Quotas } from './pipeline/quotas.js'
import type { ProducerIds } from './produce/producer-ids.js'
import type { RefusalLog } from './refusal-log.js'
import type { TopicCreation } from './topics/topic-creation.js'

/** An API and the versions that clients are told of. */
export interface SupportedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

export interface BrokerServices {
  readonly authorizer: Authorizer
  readonly quotas: Quotas
  readonly config: BrokerConfig
  readonly cluster: Cluster
  readonly replicas: Replicas
  readonly groups: GroupCoordinator
  /** By the internal topic that each keeps its state in. */
  readonly coordinators: ReadonlyMap<string, Coordinator>
  readonly fetchSessions: FetchSessions
  /** Under way; a stop has them answered at once. */
  readonly fetches: Set<Fetch>
  readonly readReplicas: ReadReplicas
  readonly producerIds: ProducerIds
  readonly topicCreation: TopicCreation
  /** In the order of their keys, as ApiVersions tells them. */
  readonly supportedApis: readonly SupportedApi[]
  readonly refusals: RefusalLog
  readonly log: Logger
  /** Counted where metrics are served. */
  readonly traffic: Traffic | undefined
  /** Resolves when logs are open, or gone, for all that the cluster's image says now. */
  settled(): Promise<void>
}
