/**
 * The file form of producer state, as Apache Kafka writes it (`NNNNNNNNNNNNNNNNNNNN.snapshot`):
 *
 *   version int16 = 1 | crc32c uint32 of all that follows | count int32 | count entries of 46 bytes:
 *   producerId int64 | epoch int16 | lastSequence int32 | lastOffset int64 | offsetDelta int32
 *   | timestamp int64 | coordinatorEpoch int32 | currentTxnFirstOffset int64 (−1: no open transaction)
 *
 * Kafka keeps the last batch of each producer; one that was answered before a stop and is sent again after it would be
 * out of order. What may still be sent again stands behind Kafka's entries, where Kafka does not look:
 *
 *   count int32 | count batches of 42 bytes, oldest first:
 *   producerId int64 | epoch int16 | baseSequence int32 | lastSequence int32 | baseOffset int64 | lastOffset int64
 *   | timestamp int64
 */
import { crc32c, nearestInt64 } from '../protocol/index.js'
import type { ProducerSummary, RememberedBatch } from './producer-state.js'

const version = 1
const crcAt = 2
const bodyAt = 6
const entriesAt = 10
const entryBytes = 46
const countBytes = 4
const batchBytes = 42

export function encodeProducerSnapshot(producers: readonly ProducerSummary[]): Uint8Array {
  const batches = producers.reduce((sum, { earlier }) => sum + earlier.length, 0)
  const bytes = new Uint8Array(entriesAt + producers.length * entryBytes + countBytes + batches * batchBytes)
  const view = new DataView(bytes.buffer)
  view.setInt16(0, version)
  view.setInt32(bodyAt, producers.length)
  let at = entriesAt
  for (const producer of producers) {
    view.setBigInt64(at, BigInt(producer.producerId))
    view.setInt16(at + 8, producer.producerEpoch)
    view.setInt32(at + 10, producer.lastSequence)
    view.setBigInt64(at + 14, BigInt(producer.lastOffset))
    view.setInt32(at + 22, producer.offsetDelta)
    view.setBigInt64(at + 26, BigInt(nearestInt64(producer.timestampMs)))
    view.setInt32(at + 34, producer.coordinatorEpoch)
    view.setBigInt64(at + 38, BigInt(producer.currentTxnFirstOffset))
    at += entryBytes
  }
  view.setInt32(at, batches)
  at += countBytes
  for (const { producerId, earlier } of producers) {
    for (const batch of earlier) {
      view.setBigInt64(at, BigInt(producerId))
      view.setInt16(at + 8, batch.producerEpoch)
      view.setInt32(at + 10, batch.baseSequence)
      view.setInt32(at + 14, batch.lastSequence)
      view.setBigInt64(at + 18, BigInt(batch.baseOffset))
      view.setBigInt64(at + 26, BigInt(batch.lastOffset))
      view.setBigInt64(at + 34, BigInt(nearestInt64(batch.timestampMs)))
      at += batchBytes
    }
  }
  view.setUint32(crcAt, crc32c(bytes.subarray(bodyAt)))
  return bytes
}

/** Returns null where the bytes are not a whole snapshot: the caller falls back to an older one or to the log. */
export function decodeProducerSnapshot(bytes: Uint8Array): ProducerSummary[] | null {
  if (bytes.byteLength < entriesAt) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getInt16(0) !== version) return null
  const count = view.getInt32(bodyAt)
  const behindAt = entriesAt + count * entryBytes
  if (count < 0 || behindAt > bytes.byteLength) return null
  if (view.getUint32(crcAt) !== crc32c(bytes.subarray(bodyAt)) >>> 0) return null
  const earlier = decodeEarlier(view, behindAt)
  if (!earlier) return null
  const producers: ProducerSummary[] = []
  for (let i = 0, at = entriesAt; i < count; i++, at += entryBytes) {
    const producerId = Number(view.getBigInt64(at))
    producers.push({
      producerId,
      producerEpoch: view.getInt16(at + 8),
      lastSequence: view.getInt32(at + 10),
      lastOffset: Number(view.getBigInt64(at + 14)),
      offsetDelta: view.getInt32(at + 22),
      timestampMs: Number(view.getBigInt64(at + 26)),
      coordinatorEpoch: view.getInt32(at + 34),
      currentTxnFirstOffset: Number(view.getBigInt64(at + 38)),
      earlier: earlier.get(producerId) ?? [],
    })
  }
  return producers
}

/** By producer; none in a snapshot that Kafka wrote. */
function decodeEarlier(view: DataView, start: number): Map<number, RememberedBatch[]> | null {
  const earlier = new Map<number, RememberedBatch[]>()
  if (start === view.byteLength) return earlier
  if (view.byteLength - start < countBytes) return null
  const count = view.getInt32(start)
  if (view.byteLength !== start + countBytes + count * batchBytes) return null
  for (let i = 0, at = start + countBytes; i < count; i++, at += batchBytes) {
    const producerId = Number(view.getBigInt64(at))
    const batches = earlier.get(producerId) ?? []
    batches.push({
      producerEpoch: view.getInt16(at + 8),
      baseSequence: view.getInt32(at + 10),
      lastSequence: view.getInt32(at + 14),
      baseOffset: Number(view.getBigInt64(at + 18)),
      lastOffset: Number(view.getBigInt64(at + 26)),
      timestampMs: Number(view.getBigInt64(at + 34)),
    })
    earlier.set(producerId, batches)
  }
  return earlier
}
