// Record batches as coordinators and command-line tools read and write them; the broker itself goes by headers.
import { bench, do_not_optimize, group } from 'mitata'
import { crc32c, decodeBatch, encodeBatch, readBatchHeader } from '../../lib/protocol/index.js'

const RECORDS = 1000

function records(size: number) {
  return Array.from({ length: RECORDS }, (_, index) => ({
    timestamp: 1_700_000_000_000 + index,
    key: Buffer.from(`key-${index}`),
    value: Buffer.alloc(size, 'x'),
  }))
}

group('record batches', () => {
  for (const size of [100, 1024]) {
    const input = { records: records(size) }
    const encoded = encodeBatch(input)
    bench(`read the header of a batch, ${RECORDS} × ${size} B`, () =>
      do_not_optimize(readBatchHeader(encoded)),
    )
    bench(`encode a batch, ${RECORDS} × ${size} B`, () => do_not_optimize(encodeBatch(input)))
    bench(`decode a batch, ${RECORDS} × ${size} B`, async () =>
      do_not_optimize(await decodeBatch(encoded, 0, encoded.length)),
    )
    bench(`crc32c in JavaScript, ${RECORDS} × ${size} B`, () => do_not_optimize(crc32c(encoded)))
  }
})
