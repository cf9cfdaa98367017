/** DescribeLogDirs: the data folder, its partitions' sizes, and (from version 4) the size and the rest of the disk. */
import { statfs } from 'node:fs/promises'
import { ErrorCode } from '../../protocol/errors.js'
import { cluster } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

export const describeLogDirs = defineHandler({
  api: 'DescribeLogDirs',
  versions: [1, 5],
  access: cluster('DESCRIBE'),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, results: [] }),
  async handle({ topics }, { broker }) {
    const { folder } = broker.replicas
    const wanted =
      topics &&
      new Set(topics.flatMap(({ topic, partitions }) => partitions.map((index) => `${topic}-${index}`)))
    const byTopic = new Map<
      string,
      { partitionIndex: number; partitionSize: number; offsetLag: number; isFutureKey: boolean }[]
    >()
    for (const { topic, partition, log } of broker.replicas) {
      if (wanted && !wanted.has(`${topic}-${partition}`)) continue
      const partitions = byTopic.get(topic) ?? []
      partitions.push({
        partitionIndex: partition,
        partitionSize: log.sizeInBytes,
        offsetLag: 0,
        isFutureKey: false,
      })
      byTopic.set(topic, partitions)
    }
    const disk = await statfs(folder.path)
    return {
      errorCode: ErrorCode.NONE,
      results: [
        {
          errorCode: ErrorCode.NONE,
          logDir: folder.path,
          topics: [...byTopic].map(([name, partitions]) => ({ name, partitions })),
          totalBytes: disk.blocks * disk.bsize,
          usableBytes: disk.bavail * disk.bsize,
        },
      ],
    }
  },
})
