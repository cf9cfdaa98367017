/** The group coordinator's log: the partitions of `__consumer_offsets` that this broker leads. */

import { offsetsTopic } from '../../config/index.js'
import type { CoordinatorLog } from '../../coordinator/index.js'
import { readBatches } from '../../protocol/index.js'
import type { Replicas } from '../../replica/index.js'

export class OffsetsLog implements CoordinatorLog {
  readonly #replicas: Replicas

  constructor(replicas: Replicas) {
    this.#replicas = replicas
  }

  async append(partition: number, batch: Uint8Array): Promise<{ baseOffset: number }> {
    const { baseOffset } = await this.#replicas.get(offsetsTopic.name, partition).appendInternal(batch)
    return { baseOffset }
  }

  async *load(partition: number, maxBytes: number): AsyncGenerator<Uint8Array> {
    const { log } = this.#replicas.get(offsetsTopic.name, partition)
    const end = log.logEndOffset
    for (let offset = log.logStartOffset; offset < end; ) {
      const bytes = await log.native.readBytes(offset, { maxBytes, minOneBatch: true, maxOffset: end })
      const whole = wholeBatches(bytes)
      if (whole.nextOffset <= offset) return
      yield whole.bytes
      offset = whole.nextOffset
    }
  }
}

/** Leaves out a batch that the end of a read cut, and says where the next read begins. */
function wholeBatches(bytes: Uint8Array): { bytes: Uint8Array; nextOffset: number } {
  let end = 0
  let nextOffset = -1
  for (const header of readBatches(bytes)) {
    nextOffset = Number(header.baseOffset) + header.lastOffsetDelta + 1
    end = header.start + header.sizeInBytes
  }
  return { bytes: bytes.subarray(0, end), nextOffset }
}
