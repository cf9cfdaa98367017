/** The cluster as one broker sees it: metadata store, image, topics, settings that change while it runs. */

export { Cluster, type ClusterOptions } from './cluster.js'
export {
  type BrokerImage,
  ClusterImage,
  type ImageChange,
  type ImageListener,
  type PartitionImage,
  type TopicImage,
} from './cluster-image.js'
export { toKafkaError } from './config-errors.js'
export { EmbeddedMetadataStore, type OpenLog } from './embedded-metadata-store.js'
export type { EtcdOptions, EtcdTls } from './etcd-connection.js'
export { EtcdMetadataStore } from './etcd-metadata-store.js'
export { KafkaFolderError } from './kafka/kafka-folder-error.js'
export type { ElectionResult, ElectionType, LeaderElections, TopicPartition } from './leader-elections.js'
export { loadMetaProperties, type MetaProperties, ownerOf } from './meta-properties.js'
export {
  MetadataOutcomeUnknownError,
  MetadataRefusedError,
  MetadataRolledBackError,
  MetadataUnavailableError,
} from './metadata-errors.js'
export { importMetadata, type MetadataImport } from './metadata-import.js'
export type { BrokerEndpoint } from './metadata-keys.js'
export type {
  MetadataChange,
  MetadataEntry,
  MetadataLeases,
  MetadataStore,
  MetadataTxn,
  MetadataWatch,
} from './metadata-store.js'
export type { ProducerIdBlock } from './producer-ids.js'
export { isReassigning, originalReplicas } from './reassignment.js'
export type {
  ReassignmentController,
  ReassignmentOptions,
  ReassignmentRequest,
} from './reassignment-controller.js'
export type { PartitionAssignment } from './replica-assignment.js'
export type { CreatePartitionsRequest, CreateTopicRequest, TopicController } from './topic-controller.js'
export { isInternalTopic, isReservedName, METADATA_FOLDER, validateTopicName } from './topic-names.js'
