/** Batches of the metadata log: record batches, each with one record whose value is a text. */

import { decodeRecords, encodeBatch, readBatches } from '../../protocol/index.js'

/** A batch with `text` as its only value. The engine sets the offset. */
export function encodeValue(text: string): Uint8Array {
  return encodeBatch({ records: [{ timestamp: Date.now(), value: Buffer.from(text) }] })
}

/** The values of the whole batches in `bytes`, which the engine has checked, and the offset behind them. */
export function decodeValues(bytes: Uint8Array): { values: string[]; nextOffset: number } {
  const values: string[] = []
  let nextOffset = -1
  for (const header of readBatches(bytes)) {
    for (const { offset, value } of decodeRecords(header)) {
      values.push(Buffer.from(value!).toString('utf8'))
      nextOffset = offset + 1
    }
  }
  return { values, nextOffset }
}
