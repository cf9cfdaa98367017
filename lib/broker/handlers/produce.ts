/**
 * Produce. Version 7 allows zstd, 8 brings messages with the errors, 9 flexible encoding, 10 the current leader,
 * 13 topic ids instead of names.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import {
  BATCH_HEADER_SIZE,
  BatchHeader,
  type Int64,
  nearestInt64,
  type RequestOf,
} from '../../protocol/index.js'
import type { ProduceOptions } from '../../replica/index.js'
import { type RecordError, recordErrorsOf } from '../../storage/index.js'
import { both, whole } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import { errorFields, kafkaErrorOf } from '../pipeline/kafka-error.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { type RefusedBatches, refusedBatches } from '../produce/refused-batches.js'
import type { BrokerServices } from '../services.js'
import { withTimeout } from '../time-limit.js'
import { CurrentLeaders } from '../topics/current-leader.js'

const zstdFromVersion = 7
const topicIdsFrom = 13
const noTopic = ''
const nothingAppended = { baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 }

/** The client id that may write to internal topics, to repair them by hand; as in Kafka. */
const internalTopicsClient = '__admin_client'

type PartitionData = RequestOf<'Produce'>['topicData'][number]['partitionData'][number]

/** One request, and what its partitions share. */
interface ProduceCall {
  readonly request: RequestOf<'Produce'>
  readonly context: RequestContext
  /** What is wrong with the request as a whole. */
  readonly refusal: KafkaError | undefined
  readonly options: ProduceOptions
  readonly refused: RefusedBatches
  readonly leaders: CurrentLeaders
  onWritten(): void
}

interface PartitionAnswer {
  index: number
  errorCode: number
  baseOffset: number
  logAppendTimeMs: Int64
  logStartOffset: number
  errorMessage: string | null
  recordErrors?: readonly RecordError[]
  currentLeader?: { leaderId: number; leaderEpoch: number } | undefined
}

type Topic = RequestOf<'Produce'>['topicData'][number]

const refuseTopic = ({ topicId, name, partitionData }: Topic, error: KafkaError) => ({
  topicId,
  name,
  partitionResponses: partitionData.map(({ index }) => ({
    index,
    ...nothingAppended,
    ...errorFields(error),
  })),
})

const transactional = whole<'Produce'>('WRITE on the transactional id of transactional records', (request) =>
  request.topicData.some(hasTransactional)
    ? { operation: 'WRITE', resourceType: 'TRANSACTIONAL_ID', name: request.transactionalId ?? '' }
    : undefined,
)

const writable = topics('Produce', 'WRITE', {
  items: 'topicData',
  answers: 'responses',
  name: ({ topicId, name }, { version, broker }) =>
    version >= topicIdsFrom ? broker.cluster.image.topicById(topicId)?.name : name,
  refuse: refuseTopic,
})

export const produce = defineHandler({
  api: 'Produce',
  versions: [3, 13],
  access: both(transactional, writable),
  charge: 'produce',
  refuse: (error, { acks, topicData }) =>
    acks === 0 ? null : { responses: topicData.map((topic) => refuseTopic(topic, error)) },
  // librdkafka takes a broker without version 0 for one that knows no lz4, and sends uncompressed (KAFKA-18659).
  advertisedFrom: 0,
  async handle(request, context) {
    const { acks, topicData } = request
    const { version, broker, session } = context
    // The frame is of use again once nothing is written from it any more, long before the replicas have answered.
    let unwritten = topicData.reduce((sum, { partitionData }) => sum + partitionData.length, 0)
    const call: ProduceCall = {
      request,
      context,
      refusal: refuse(request),
      options: {
        acks,
        allowsZstd: version >= zstdFromVersion,
        allowsInternalTopics: context.clientId === internalTopicsClient,
      },
      refused: session.get(refusedBatches),
      leaders: new CurrentLeaders(context),
      onWritten: () => {
        if (--unwritten === 0) context.releaseFrame()
      },
    }
    const responses = await Promise.all(
      topicData.map(async ({ topicId, name, partitionData }) => {
        const topic =
          version >= topicIdsFrom ? (broker.cluster.image.topicById(topicId)?.name ?? noTopic) : name
        const named = version >= topicIdsFrom ? topicId : name
        const partitionResponses = await Promise.all(
          partitionData.map((data) => append(call, topic, named, data)),
        )
        return { topicId, name, partitionResponses }
      }),
    )
    const answers = responses.flatMap((topic) => topic.partitionResponses)
    if (acks !== 0) return { responses, nodeEndpoints: call.leaders.endpoints() }
    const failed = answers.find(({ errorCode }) => errorCode !== ErrorCode.NONE)
    // With acks=0 there is no answer to carry the error: closing tells the client to look at its metadata again.
    if (failed) session.close(`a produce request with acks=0 failed: ${failed.errorMessage}`)
    return null
  },
})

function hasTransactional({ partitionData }: Topic): boolean {
  return partitionData.some(
    ({ records }) =>
      records !== null && records.byteLength >= BATCH_HEADER_SIZE && new BatchHeader(records).isTransactional,
  )
}

function refuse({ acks, transactionalId }: RequestOf<'Produce'>): KafkaError | undefined {
  if (acks < -1 || acks > 1)
    return new KafkaError('INVALID_REQUIRED_ACKS', `acks must be -1, 0 or 1, not ${acks}.`)
  if (transactionalId !== null) return new KafkaError('INVALID_TXN_STATE', 'This broker has no transactions.')
  return undefined
}

/**
 * Producers treat OUT_OF_ORDER_SEQUENCE_NUMBER as fatal, so only the current leader may say it: one that was replaced
 * without knowing lacks what its successor has.
 */
async function asLeader(
  error: KafkaError,
  { cluster }: BrokerServices,
  topic: string,
  partition: number,
): Promise<KafkaError> {
  if (error.code !== ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) return error
  const topicId = cluster.image.topic(topic)?.topicId
  const isLeader = topicId !== undefined && (await cluster.leadership.isCurrent(topicId, partition))
  if (isLeader && !cluster.isFenced) return error
  return new KafkaError('NOT_LEADER_OR_FOLLOWER', 'Another broker may lead the partition by now.')
}

/** `named` is what the client calls the topic: its name, or its id. */
async function append(
  { request, context, refusal, options, refused, leaders, onWritten }: ProduceCall,
  topic: string,
  named: string,
  { index, records }: PartitionData,
): Promise<PartitionAnswer> {
  const { acks, timeoutMs } = request
  const { broker, session, clientId } = context
  let isWritten = false
  const written = () => {
    isWritten = true
    onWritten()
  }
  try {
    if (refusal) throw refusal
    refused.check(named, index, records)
    if (topic === noTopic) throw new KafkaError('UNKNOWN_TOPIC_ID')
    const partition = broker.replicas.get(topic, index)
    if (records === null)
      throw new KafkaError('INVALID_RECORD', 'A produce request must hold one record batch.')
    // Throws before the next request is looked at, which may hold the batch that comes after this one.
    partition.requireProducible(options)
    // After a time-out the records stay appended, as in Kafka: the client cannot tell, and sends them again.
    const produced = partition.produce(records, options, written)
    const outcome = await withTimeout(produced, acks === -1 ? timeoutMs : 0)
    context.appended(topic, records.byteLength, outcome.lastOffset - outcome.baseOffset + 1)
    return {
      index,
      errorCode: ErrorCode.NONE,
      baseOffset: outcome.baseOffset,
      logAppendTimeMs: nearestInt64(outcome.logAppendTimeMs),
      logStartOffset: outcome.logStartOffset,
      errorMessage: null,
    }
  } catch (thrown) {
    const reason = kafkaErrorOf(thrown)
    if (!isWritten) refused.refused(named, index, records, reason)
    const error = await asLeader(reason, broker, topic, index)
    const { config } = broker.replicas.find(topic, index) ?? {}
    const recordErrors = config && records && !isWritten ? recordErrorsOf(error, records, config) : []
    // After a time-out the engine may still be writing from the frame.
    if (!isWritten && error.code !== ErrorCode.REQUEST_TIMED_OUT) written()
    broker.refusals.report(
      { client: session.remoteAddress, clientId, topic, partition: index, error: error.errorName },
      `produce refused: ${error.message}`,
    )
    return {
      index,
      errorCode: error.code,
      recordErrors,
      ...nothingAppended,
      errorMessage: recordErrors[0]?.batchIndexErrorMessage ?? error.message,
      currentLeader: leaders.of(error.code, topic, index),
    }
  }
}
