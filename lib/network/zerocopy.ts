/** Zero copy in a program: what `odradek/zerocopy` exports. */

export type { FileRange } from '../native/types.js'
export { canSendFile } from '../native/zerocopy.js'
export type { SendableFile } from './file-source.js'
export { pipeRange, type SendFileOptions, sendFile } from './send-file.js'
export { SendFileError, type SendFileErrorCode } from './send-file-error.js'
