// One record in a batch of magic 2, for the requests that the bench makes itself. Written apart from lib/protocol, so
// that a mistake there cannot hide itself here.
const HEADER = 61
const CRC_AT = 17
const CHECKED_FROM = 21
/** CRC-32C, reflected. */
const POLYNOMIAL = 0x82f63b78

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  }
  return ~crc >>> 0
}

/** A signed number of one byte as a zigzag varint. */
const small = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value)

/** `value` is at most 50 bytes long: every length then takes one byte. */
export function oneRecord(value: Buffer): Buffer {
  const record = Buffer.concat([
    Buffer.from([0, 0, 0, small(-1), small(value.length)]),
    value,
    Buffer.from([0]),
  ])
  const batch = Buffer.alloc(HEADER)
  batch.writeInt32BE(HEADER - 12 + 1 + record.length, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeBigInt64BE(BigInt(Date.now()), 27)
  batch.writeBigInt64BE(BigInt(Date.now()), 35)
  batch.writeBigInt64BE(-1n, 43)
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(1, 57)
  const bytes = Buffer.concat([batch, Buffer.from([small(record.length)]), record])
  bytes.writeUInt32BE(crc32c(bytes.subarray(CHECKED_FROM)), CRC_AT)
  return bytes
}
