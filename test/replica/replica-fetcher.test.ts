/** When a follower asks its leader. */
import test from 'ava'
import { pino } from 'pino'
import { ErrorCode, type FetchResponse } from '../../lib/protocol/index.js'
import { FetchedPartition } from '../../lib/replica/fetched-partition.js'
import type { LeaderConnection } from '../../lib/replica/leader-connection.js'
import type { Partition } from '../../lib/replica/partition.js'
import { ReplicaFetcher } from '../../lib/replica/replica-fetcher.js'
import { ReplicationQuota } from '../../lib/replica/replication-quota.js'

const log = pino({ level: 'silent' })
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
const settings = {
  ...{ fetchersPerLeader: 1, maxBytes: 1_000, responseMaxBytes: 1_000, minBytes: 1, maxWaitMs: 500 },
  ...{ backoffMs: 1_000, requestTimeoutMs: 1_000, largestBatchBytes: 1_000 },
}

function followedPartition(): FetchedPartition {
  const partition = {
    ...{ topicId, partition: 0, leaderEpoch: 0, isThrottledAsFollower: false },
    log: { logEndOffset: 0, logStartOffset: 0, flushedOffset: 0, epochs: { latestEpoch: -1 } },
  }
  return new FetchedPartition(partition as unknown as Partition, log, async () => {})
}

function refused(): FetchResponse {
  const partition = {
    ...{ partitionIndex: 0, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, records: null },
    ...{ divergingEpoch: { epoch: -1, endOffset: -1 }, highWatermark: -1, logStartOffset: -1 },
  }
  return { errorCode: 0, sessionId: 7, responses: [{ topicId, partitions: [partition] }] } as never
}

// A step is what passes between two looks at the clock: with some of them the rest ends between two.
for (const step of [0.5, 1, 2, 2.5, 4, 5]) {
  test.serial(
    `a partition that was refused is fetched again, whenever its rest ends (${step} ms)`,
    async (t) => {
      const { now } = performance
      let clock = 0
      performance.now = () => {
        clock += step
        return clock
      }
      t.teardown(() => {
        performance.now = now
      })
      await new Promise<void>((fetchedAgain) => {
        let fetches = 0
        const connection: LeaderConnection = {
          closed: false,
          fetch: () => {
            fetches++
            if (fetches === 1) return Promise.resolve(refused())
            fetchedAgain()
            return new Promise(() => {})
          },
          tellProgress: () => {},
          close: () => {},
        }
        const fetcher = new ReplicaFetcher({
          ...{ nodeId: 2, leaderId: 1, settings, log },
          quota: new ReplicationQuota(
            () => Number.POSITIVE_INFINITY,
            () => 0,
          ),
          dialLeader: async () => connection,
          brokerEpoch: () => 1,
          address: () => ({ host: '127.0.0.1', port: 1 }),
        })
        fetcher.add(followedPartition())
      })
      t.pass()
    },
  )
}
