/**
 * CRC-32C (Castagnoli) in JavaScript, eight bytes a step. The engine has its own by hardware; this one serves
 * batches that are made or checked outside of it.
 */

const slices = buildSlices()

function buildSlices(): Int32Array[] {
  const first = new Int32Array(256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    first[i] = crc
  }
  const all = [first]
  for (let k = 1; k < 8; k++) {
    const before = all[k - 1]!
    all.push(before.map((crc) => (crc >>> 8) ^ first[crc & 255]!))
  }
  return all
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = slices as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

/** The checksum of `bytes` from `start` to `end`, as an unsigned number; `previous` goes on from an earlier run. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0): number {
  let crc = ~previous
  let i = start
  for (; i + 8 <= end; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    crc =
      t7[low & 255]! ^
      t6[(low >>> 8) & 255]! ^
      t5[(low >>> 16) & 255]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}
