/**
 * The storage engine for the other rooms.
 */
export { EngineError } from './errors.js'
export { files } from './files.js'
export { followLog, openLog } from './log.js'
export { SharedLog } from './shared-log.js'
export type * from './types.js'
