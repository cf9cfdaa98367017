/**
 * Steps from batch to batch. A batch says how long it is, so that each step has to ask whether a whole one is there;
 * that question is answered here and nowhere else. Nobody looks at a CRC or at records here.
 */
import { BatchHeader } from './batch-header.js'
import { BATCH_HEADER_SIZE, BATCH_MAGIC, BATCH_OVERHEAD, BatchField } from './batch-layout.js'
import { CorruptBatchError } from './corrupt-batch-error.js'

/**
 * What is found where a batch should begin:
 * `whole`: a batch of magic 2 with all its bytes.
 * `cut header`, `cut`: the bytes end within its header, or behind that.
 * `magic`: something else than a batch of magic 2.
 * `short`: a length that cannot hold a header.
 */
export type BatchFit = 'whole' | 'cut header' | 'cut' | 'magic' | 'short'

/** `available`: how many bytes there are from `start` on, also where `bytes` holds only the header. */
export function batchFit(bytes: Uint8Array, start: number, available = bytes.length - start): BatchFit {
  if (available < BATCH_HEADER_SIZE) return 'cut header'
  if (bytes[start + BatchField.MAGIC] !== BATCH_MAGIC) return 'magic'
  const size = batchSize(bytes, start)
  if (size < BATCH_HEADER_SIZE) return 'short'
  return size > available ? 'cut' : 'whole'
}

/** The size that the batch at `start` says it has, whatever that is worth; `batchFit` judges it. */
export function batchSize(bytes: Uint8Array, start: number): number {
  const at = start + BatchField.BATCH_LENGTH
  const length = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  return BATCH_OVERHEAD + length
}

/** The batch at `start`. Throws CorruptBatchError where no whole one is; the CRC is not checked. */
export function readBatchHeader(bytes: Uint8Array, start = 0): BatchHeader {
  const fit = batchFit(bytes, start)
  if (fit !== 'whole') throw misfit(fit, bytes, start)
  return new BatchHeader(bytes, start)
}

/**
 * The batches in `bytes`. Where the end cuts one, as that of a fetch response may, `tolerant` leaves it out and `strict`
 * throws. Both throw CorruptBatchError for what is no batch.
 */
export function* readBatches(
  bytes: Uint8Array,
  mode: 'tolerant' | 'strict' = 'tolerant',
): Generator<BatchHeader, void, undefined> {
  for (let start = 0; start < bytes.length; ) {
    const fit = batchFit(bytes, start)
    if (fit !== 'whole') {
      const isCut = fit === 'cut' || fit === 'cut header'
      if (isCut && mode === 'tolerant') return
      throw misfit(fit, bytes, start)
    }
    // Read before the caller has its turn: it may write to the batch.
    const size = batchSize(bytes, start)
    yield new BatchHeader(bytes, start)
    start += size
  }
}

/** Headers that follow each other without their records, as the engine's scan gives them. */
export function* readScannedHeaders(headers: Uint8Array): Generator<BatchHeader, void, undefined> {
  for (let at = 0; at < headers.length; at += BATCH_HEADER_SIZE) yield new BatchHeader(headers, at)
}

function misfit(fit: Exclude<BatchFit, 'whole'>, bytes: Uint8Array, start: number): CorruptBatchError {
  const left = bytes.length - start
  if (fit === 'cut header') return new CorruptBatchError(`a batch header in ${left} bytes`)
  const { magic, sizeInBytes } = new BatchHeader(bytes, start)
  if (fit === 'magic') return new CorruptBatchError(`magic ${magic}, not ${BATCH_MAGIC}`)
  if (fit === 'short') return new CorruptBatchError(`a batch of ${sizeInBytes} bytes`)
  return new CorruptBatchError(`a batch of ${sizeInBytes} bytes, of which ${left} are there`)
}
