/** The cluster as one broker sees it: metadata store, image, topics, settings that change while it runs. */

export { fromConfigError } from './changes/config-errors.js'
export type {
  ElectionResult,
  ElectionType,
  LeaderElections,
  TopicPartition,
} from './changes/leader-elections.js'
export type { ProducerIdBlock } from './changes/producer-ids.js'
export type {
  ReassignmentChanges,
  ReassignmentOptions,
  ReassignmentRequest,
} from './changes/reassignment-changes.js'
export type { PartitionAssignment } from './changes/replica-assignment.js'
export type { CreatePartitionsRequest, CreateTopicRequest, TopicChanges } from './changes/topic-changes.js'
export { Cluster, type ClusterOptions } from './cluster.js'
export {
  type BrokerImage,
  ClusterImage,
  type ImageChange,
  type ImageListener,
  type PartitionImage,
  type TopicImage,
} from './image/cluster-image.js'
export { isReassigning, originalReplicas } from './image/reassignment.js'
export { isInternalTopic, isReservedName, METADATA_FOLDER, validateTopicName } from './image/topic-names.js'
export { KafkaFolderError } from './kafka/kafka-folder-error.js'
export { loadMetaProperties, type MetaProperties, ownerOf } from './membership/meta-properties.js'
export { importMetadata, type MetadataImport } from './membership/metadata-import.js'
export { EmbeddedMetadataStore, type OpenLog } from './store/embedded-metadata-store.js'
export type { EtcdOptions, EtcdTls } from './store/etcd-connection.js'
export { EtcdMetadataStore } from './store/etcd-metadata-store.js'
export {
  MetadataOutcomeUnknownError,
  MetadataRefusedError,
  MetadataRolledBackError,
  MetadataUnavailableError,
} from './store/metadata-errors.js'
export type { BrokerEndpoint } from './store/metadata-keys.js'
export type {
  MetadataChange,
  MetadataEntry,
  MetadataLeases,
  MetadataStore,
  MetadataTxn,
  MetadataWatch,
} from './store/metadata-store.js'
