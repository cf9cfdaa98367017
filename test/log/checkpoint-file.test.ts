/** Checkpoints that a power cut has torn or a disk has damaged. */
import test from 'ava'
import {
  CorruptCheckpointError,
  encodeCheckpoint,
  readPartitionOffsets,
} from '../../lib/log/checkpoint-file.js'
import type { Files } from '../../lib/native/types.js'

const entries = [
  { topic: 'orders', partition: 0, offset: 1_234_567 },
  { topic: 'orders', partition: 11, offset: 0 },
  { topic: 'payments.eu', partition: 2, offset: 98 },
]
const whole = encodeCheckpoint(
  entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`),
)

/** Undefined where the bytes are refused; any other error fails the test. */
async function read(bytes: Uint8Array): Promise<typeof entries | undefined> {
  try {
    return await readPartitionOffsets({ read: async () => bytes } as unknown as Files, '/data/checkpoint')
  } catch (error) {
    if (error instanceof CorruptCheckpointError) return undefined
    throw error
  }
}

test('a whole checkpoint says what was written', async (t) => {
  t.deepEqual(await read(whole), entries)
})

test('every truncation is refused', async (t) => {
  for (let size = 0; size < whole.byteLength; size++)
    t.is(await read(whole.subarray(0, size)), undefined, `${size} bytes`)
})

test('zeros in place of an end that never reached the disk are refused', async (t) => {
  for (let size = 0; size < whole.byteLength; size++)
    t.is(await read(Buffer.from(whole).fill(0, size)), undefined, `${size} bytes`)
})

test('a flipped bit is refused unless it makes another name or number', async (t) => {
  let refused = 0
  for (let bit = 0; bit < whole.byteLength * 8; bit++) {
    const bytes = Buffer.from(whole)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    const found = await read(bytes)
    if (found === undefined) refused++
    // Of a digit that became another nothing tells: Kafka's format has no checksum.
    else {
      t.is(found.length, entries.length)
      const changed = found.filter((each, i) => JSON.stringify(each) !== JSON.stringify(entries[i]))
      t.true(changed.length <= 1, `bit ${bit}`)
    }
  }
  t.true(refused > whole.byteLength)
})
