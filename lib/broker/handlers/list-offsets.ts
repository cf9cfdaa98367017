/**
 * ListOffsets. Version 2 brings isolation, 4 leader epochs, 7 the offset of the largest timestamp, 8 the earliest
 * local offset, 9 the latest tiered one, 11 the earliest pending upload (both answered "none": nothing is tiered).
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import type { Int64, RequestOf } from '../../protocol/index.js'
import type { Isolation, Partition } from '../../replica/index.js'
import { offsetForTimestamp, offsetOfMaxTimestamp } from '../../storage/index.js'
import { eachPartition } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'

const latest = -1
const earliest = -2
const maxTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const earliestPendingUpload = -6
/** First version in which each of the special timestamps means something. */
const sinceVersion = new Map([
  [latest, 1],
  [earliest, 1],
  [maxTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
  [earliestPendingUpload, 11],
])
const debuggingConsumer = -2
const offsetNotAvailableFrom = 5
const readCommitted = 1

/** Look-ups by time read the log. */
const partitionsAtOnce = 256

type Topic = RequestOf<'ListOffsets'>['topics'][number]
type Wanted = Topic['partitions'][number]

interface Answer {
  timestamp: Int64
  offset: number
  leaderEpoch: number
}

const nothing: Answer = { timestamp: -1, offset: -1, leaderEpoch: -1 }

const refusePartition = ({ partitionIndex }: Wanted, { code }: KafkaError) => ({
  partitionIndex,
  errorCode: code,
  ...nothing,
})

const refuseTopic = ({ name, partitions }: Topic, error: KafkaError) => ({
  name,
  partitions: partitions.map((each) => refusePartition(each, error)),
})

export const listOffsets = defineHandler({
  api: 'ListOffsets',
  versions: [1, 11],
  access: topics('ListOffsets', 'DESCRIBE', { items: 'topics', answers: 'topics', refuse: refuseTopic }),
  charge: 'request',
  refuse: (error, request) => ({ topics: request.topics.map((topic) => refuseTopic(topic, error)) }),
  async handle(request, { broker, version }) {
    const { replicaId, isolationLevel } = request
    const isolation =
      replicaId === debuggingConsumer ? 'logEnd' : isolationLevel === readCommitted ? 'stable' : 'committed'
    const answer = async (wanted: Wanted, { name }: Topic) => {
      const { partitionIndex, currentLeaderEpoch } = wanted
      const partition = broker.replicas.get(name, partitionIndex)
      partition.requireLeader(currentLeaderEpoch)
      const found = await find(partition, wanted, isolation, version)
      return { partitionIndex, errorCode: ErrorCode.NONE, ...found }
    }
    const answers = await eachPartition(request.topics, partitionsAtOnce, answer, refusePartition)
    return { topics: answers.map(({ topic, partitions }) => ({ name: topic.name, partitions })) }
  },
})

async function find(
  partition: Partition,
  { timestamp }: Wanted,
  isolation: Isolation,
  version: number,
): Promise<Answer> {
  const wanted = Number(timestamp)
  if (wanted < 0 && version < (sinceVersion.get(wanted) ?? Infinity))
    throw new KafkaError('UNSUPPORTED_VERSION')
  const { log } = partition
  const end = partition.readableEnd(isolation)
  switch (wanted) {
    case latest:
      // A new leader's watermark may still be lower than one that clients have seen.
      if (isolation !== 'logEnd' && partition.isCatchingUp) {
        throw new KafkaError(
          version >= offsetNotAvailableFrom ? 'OFFSET_NOT_AVAILABLE' : 'LEADER_NOT_AVAILABLE',
        )
      }
      return { timestamp: -1, offset: end, leaderEpoch: partition.leaderEpoch }
    case earliest:
    case earliestLocal: {
      const offset = partition.logStartOffset
      return { timestamp: -1, offset, leaderEpoch: log.epochs.epochAt(offset) }
    }
    case latestTiered:
    case earliestPendingUpload:
      return nothing
    default: {
      const found =
        wanted === maxTimestamp
          ? await offsetOfMaxTimestamp(log, end)
          : await offsetForTimestamp(log, timestamp, end)
      if (!found) return nothing
      return { timestamp: found.timestampMs, offset: found.offset, leaderEpoch: found.leaderEpoch }
    }
  }
}
