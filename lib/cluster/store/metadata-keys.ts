/** The keys of the metadata store, and what their values hold (JSON). One small key for each topic and partition. */

export interface TopicValue {
  readonly topicId: string
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
}

export interface PartitionValue {
  readonly leader: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  /** With those that are being added and removed. */
  readonly replicas: readonly number[]
  /** Of `replicas`, while they become others; left out without any. */
  readonly addingReplicas?: readonly number[]
  readonly removingReplicas?: readonly number[]
  readonly isr: readonly number[]
  /** The leader's broker epoch when this was written: each later start of the leader adds one to its epoch. */
  readonly brokerEpoch: number
}

export interface BrokerValue {
  /** How many times this broker has started. */
  readonly brokerEpoch: number
  readonly directoryId: string
  /** Of the process that registered, in a store that brokers share. */
  readonly incarnation?: string
  readonly rack: string | null
  readonly endpoints: readonly BrokerEndpoint[]
  /** It is no member any more; its epoch is kept, so that none is given out twice. */
  readonly isUnregistered?: boolean
}

/** Says that a broker lives; goes with its lease. */
export interface LiveValue {
  readonly brokerEpoch: number
  readonly lease: string
  /** It hands over what it leads. */
  readonly isStopping?: boolean
}

/** Who the controller is; goes with that broker's lease. */
export interface ControllerValue {
  readonly brokerId: number
}

/** Whose metadata is being moved into the store. */
export interface ImportValue {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

/** An address that clients are told. */
export interface BrokerEndpoint {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly securityProtocol: 'PLAINTEXT'
}

export const TOPIC_PREFIX = 'topics/'
/** Of names with `.` or `_`: the topic that has the name, both written as `_`. */
export const TOPIC_NAME_PREFIX = 'topic-names/'
export const PARTITION_PREFIX = 'partitions/'
export const BROKER_PREFIX = 'brokers/'
export const LIVE_PREFIX = 'live/'
export const CONTROLLER_KEY = 'controller'
export const CONFIG_PREFIX = 'configs/brokers/'
/** Of a store that brokers share. */
export const CLUSTER_ID_KEY = 'cluster/id'
/** There while a single broker's metadata is moved into a store that brokers share; none may start meanwhile. */
export const IMPORT_KEY = 'import'
export const PRODUCER_ID_KEY = 'producer-ids/next'

export const topicKey = (name: string) => `${TOPIC_PREFIX}${name}`
export const topicNameKey = (collisionKey: string) => `${TOPIC_NAME_PREFIX}${collisionKey}`
export const partitionKey = (topicId: string, partition: number) =>
  `${PARTITION_PREFIX}${topicId}/${partition}`
export const brokerKey = (brokerId: number) => `${BROKER_PREFIX}${brokerId}`
export const liveKey = (brokerId: number) => `${LIVE_PREFIX}${brokerId}`
/** Dynamic settings of one broker, or of all where `brokerId` is null. */
export const configKey = (brokerId: number | null) => `${CONFIG_PREFIX}${brokerId ?? 'default'}`

/** `topicId/partition` of a partition's key. */
export function splitPartitionKey(key: string): { topicId: string; partition: number } {
  const slash = key.lastIndexOf('/')
  return { topicId: key.slice(PARTITION_PREFIX.length, slash), partition: Number(key.slice(slash + 1)) }
}
