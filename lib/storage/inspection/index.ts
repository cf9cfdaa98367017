/** Files of logs as they lie on a disk, read without a broker and without changing them: for tools. */
export { type BatchRow, type DumpOptions, type DumpRow, dumpLog, type RecordRow } from './dump.js'
export type { Fault, FaultCode } from './fault.js'
export { type VerifyOptions, type VerifyReport, verifyLog } from './verify.js'
