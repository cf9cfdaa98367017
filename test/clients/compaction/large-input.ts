/** Records for a large compacted topic. What a record holds follows from its offset, so that none is remembered. */
import { encodeCompressedBatch, type RecordInput } from '../../../lib/protocol/index.js'
import { Random } from '../../support/random.js'
import { COMPRESSIONS } from '../../support/suite.js'

export const recordsPerBatch = 250
const valueBytes = 1_000
const busyKeys = 20_000
const startMs = Date.now() - 60_000

const filler = (() => {
  const random = new Random(1)
  const words = Array.from({ length: 400 }, () =>
    random
      .next()
      .toString(36)
      .slice(2, 3 + random.below(9)),
  )
  let text = ''
  while (text.length < 1 << 17) text += `${random.pick(words)} `
  return text
})()

/** One record in ten has a key of its own; the others have one of a few thousand. */
export function keyOf(offset: number): string {
  return offset % 10 === 0 ? `own-${offset % 100_000}` : `busy-${scatter(offset) % busyKeys}`
}

export function isTombstone(offset: number): boolean {
  return scatter(offset + 1) % 16 === 0
}

export function valueOfRecord(offset: number): string {
  const from = scatter(offset + 2) % (1 << 16)
  return `${offset} ${filler.slice(from, from + valueBytes)}`
}

/** The batch that begins at `offset`; codecs take turns. */
export function batchAt(offset: number): Promise<Uint8Array> {
  const records: RecordInput[] = []
  for (let at = offset; at < offset + recordsPerBatch; at++) {
    const value = isTombstone(at) ? null : Buffer.from(valueOfRecord(at), 'latin1')
    records.push({ timestamp: startMs + Math.floor(at / 100), key: Buffer.from(keyOf(at)), value })
  }
  return encodeCompressedBatch({ records }, COMPRESSIONS[(offset / recordsPerBatch) % COMPRESSIONS.length]!)
}

/** A number without a pattern that follows from another (the finalizer of MurmurHash3). */
function scatter(number: number): number {
  let hash = number + 0x9e3779b9
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
