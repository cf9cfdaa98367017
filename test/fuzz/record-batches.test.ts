/** Record batches and what they are compressed with, as clients and disks give them. */

import { crc32c } from '../../lib/protocol/crc32c.js'
import {
  type CompressionName,
  CorruptBatchError,
  decodeBatch,
  decompress,
  KafkaError,
  readBatches,
} from '../../lib/protocol/index.js'
import { fuzz, goldenLines } from './fuzzing.js'

const batches = goldenLines<{ bytes?: string }>('record-batches.ndjson.gz')
  .flatMap(({ bytes }) => (bytes === undefined ? [] : [Buffer.from(bytes, 'base64')]))
  .filter(({ length }) => length < 10_000)
const maxBytes = 1_000_000
const codecs: CompressionName[] = ['gzip', 'snappy', 'lz4', 'zstd']

/** Corrupt bytes, or more of them than allowed. */
const isExpected = (error: Error) =>
  error instanceof CorruptBatchError || (error instanceof KafkaError && /more than|2\^53/.test(error.message))

/** Sums that fit, so that what lies behind them is reached as well. */
function mend(bytes: Buffer): void {
  for (const header of readBatches(bytes)) {
    const { start, sizeInBytes } = header
    bytes.writeUInt32BE(crc32c(bytes, start + 21, start + sizeInBytes), start + 17)
  }
}

fuzz('record-batches', {
  share: 4,
  // A first byte of 0 leaves the sums as they are.
  corpus: batches.flatMap((batch) =>
    [0, 1].map((mended) => Buffer.concat([Buffer.of(mended), batch, batch])),
  ),
  run: async (input) => {
    const bytes = input.subarray(1)
    if (input[0] !== 0) mend(bytes)
    for (const { start, sizeInBytes } of readBatches(bytes)) {
      const { records } = await decodeBatch(bytes, start, maxBytes)
      const size = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
      if (size > Math.max(maxBytes, sizeInBytes)) throw new Error(`${size} bytes out of ${sizeInBytes}`)
    }
  },
  isExpected,
})

for (const codec of codecs) {
  fuzz(`compression-${codec}`, {
    share: 24,
    corpus: batches.flatMap((batch) =>
      [...readBatches(batch)]
        .filter(({ compression }) => compression === codec)
        .map(({ records }) => records),
    ),
    run: async (input) => {
      const { length } = await decompress(codec, input, maxBytes)
      if (length > maxBytes) throw new Error(`${length} bytes`)
    },
    isExpected,
  })
}
