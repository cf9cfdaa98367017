/** A whole partition, read as a consumer reads it. */
import { readBatches } from '../../lib/protocol/index.js'
import { asListed, type ListedPartition } from './kafka-data-folder.js'
import { fetch, recordsIn } from './records.js'
import type { TestClient } from './test-client.js'

/** All records of a partition, as a client gets them: without control records, and without aborted ones if asked. */
export async function readPartition(
  client: TestClient,
  { topic, partition, logStartOffset }: Pick<ListedPartition, 'topic' | 'partition' | 'logStartOffset'>,
  isolationLevel: number,
) {
  const found: ReturnType<typeof asListed>[] = []
  for (let offset = logStartOffset; ; ) {
    const answer = await fetch(client, topic, offset, { partition, isolationLevel, maxBytes: 1000 })
    if (answer.errorCode !== 0) throw new Error(`error ${answer.errorCode} at ${offset} of ${topic}`)
    const bytes = answer.records as Uint8Array
    if (bytes.byteLength === 0) return found
    const aborted = [...(answer.abortedTransactions ?? [])]
    const inAborted = new Set<unknown>()
    for (const header of readBatches(bytes)) {
      const last = Number(header.baseOffset) + header.lastOffsetDelta
      while (aborted.length > 0 && Number(aborted[0]!.firstOffset) <= last)
        inAborted.add(aborted.shift()!.producerId)
      if (header.isControl) inAborted.delete(header.producerId)
      else if (!header.isTransactional || !inAborted.has(header.producerId)) {
        const records = (await recordsIn(header.batch)).map(asListed)
        found.push(...records.filter((record) => record.offset >= offset))
      }
      offset = last + 1
    }
  }
}
