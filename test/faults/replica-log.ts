/** What a replica of a partition holds on disk, batch by batch; nothing without a folder. Its broker is down. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeBatch, readBatches } from '../../lib/protocol/index.js'
import type { ReplicaBatch, ReplicaLog } from './history.js'

const decodedBytesAtMost = 1 << 24

export async function readReplicaLog(
  broker: number,
  dataDir: string,
  topic: string,
  partition: number,
): Promise<ReplicaLog> {
  const folder = join(dataDir, `${topic}-${partition}`)
  if (!existsSync(folder)) return { broker, batches: [] }
  const names = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort()
  const batches: ReplicaBatch[] = []
  for (const name of names) {
    const bytes = await readFile(join(folder, name))
    for (const { start, sizeInBytes } of readBatches(bytes)) {
      const { records } = await decodeBatch(bytes, start, decodedBytesAtMost)
      batches.push({
        baseOffset: records[0]!.offset,
        lastOffset: records.at(-1)!.offset,
        digest: createHash('sha1')
          .update(bytes.subarray(start, start + sizeInBytes))
          .digest('base64'),
        values: records.map(({ value }) => Buffer.from(value!).toString()),
      })
    }
  }
  return { broker, batches }
}
