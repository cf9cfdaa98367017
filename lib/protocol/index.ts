/**
 * Kafka's protocol: messages, record batches, errors. The only way into this room.
 */
export * from './apis.js'
export * from './batch-header.js'
export { decode, encode, encodeParts } from './codec.js'
export * from './codec-errors.js'
export * from './compression.js'
export { CorruptBatchError } from './corrupt-batch-error.js'
export { crc32c } from './crc32c.js'
export * from './errors.js'
export * from './frames.js'
export type * from './generated/messages.js'
export * from './int64.js'
export * from './record-batch.js'
export type { Encodable, Records, RecordsSource } from './records-field.js'
export type { MessageName, VersionRange } from './schema.js'
export { randomUuid, ZERO_UUID } from './uuid.js'
export { sizeOfVarint, sizeOfVarlong, VarintReader, writeVarint, writeVarlong } from './varint.js'
