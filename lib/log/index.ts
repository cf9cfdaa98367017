/** The embedded log: `import { Log } from 'odradek/log'`. */

export { Log } from './log.js'
export { AbortError, LogError, type LogErrorCode } from './log-error.js'
export type { CompactedLog, CompactOptions } from './log-maintenance.js'
export type { LogOptions } from './log-options.js'
export type { RawBatches, ReadOptions } from './log-reader.js'
export type {
  AppendedOffsets,
  Content,
  HeaderInput,
  LogRecord,
  LogRecordHeader,
  RecordInput,
} from './log-record.js'
