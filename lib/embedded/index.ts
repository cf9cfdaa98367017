/** The embedded log: `import { Log, LogDirectory } from 'odradek/log'`. */

export type { DirectoryLog } from './directory-log.js'
export { Log } from './log.js'
export { LogDirectory, type LogDirectoryOptions } from './log-directory.js'
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
