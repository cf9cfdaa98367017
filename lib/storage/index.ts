/** A partition's log as a broker needs it. */

export type { AbortedTransaction } from '../log/transaction-index.js'
export type { AppendOutcome } from './append-queue.js'
export { isSequenceBefore } from './batch-identity.js'
export { LogCleaner } from './cleaner.js'
export { DataFolder } from './data-folder.js'
export { engineErrorCode, toKafkaError } from './engine-errors.js'
export { type OffsetAndTimestamp, offsetForTimestamp, offsetOfMaxTimestamp } from './offset-lookup.js'
export {
  type LeaderAppend,
  PartitionLog,
  type PartitionLogListener,
  type PartitionLogOptions,
} from './partition-log.js'
export type { CommittedRead, OpenTransaction } from './partition-transactions.js'
export type { ProducerSummary } from './producer-state.js'
export { type RecordError, recordErrorsOf } from './record-errors.js'
export type { StorageEngine } from './storage-engine.js'
