// The messages on the hot path, in their newest versions: what a broker decodes and encodes for each request.
import { bench, do_not_optimize, group } from 'mitata'
import {
  decode,
  decodeRequestHeader,
  encodeBatch,
  encodeParts,
  encodeRequest,
  encodeResponse,
  ZERO_UUID,
} from '../../lib/protocol/index.js'

const HEADER = { correlationId: 7, clientId: 'bench' }
const PRODUCE_VERSION = 12
const FETCH_VERSION = 13
const TOPIC_ID = 'b2RyYWRlay1iZW5jaG1hcg'

function produceRequest(partitions: number, records: Uint8Array): Uint8Array {
  const partitionData = Array.from({ length: partitions }, (_, index) => ({ index, records }))
  const parts = encodeRequest('Produce', PRODUCE_VERSION, HEADER, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ topicId: ZERO_UUID, name: 'orders', partitionData }],
  })
  return Buffer.concat(parts as Uint8Array[])
}

function fetchRequest(partitions: number): Uint8Array {
  const list = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    currentLeaderEpoch: 3,
    fetchOffset: 123_456_789,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    partitionMaxBytes: 1_048_576,
    replicaDirectoryId: ZERO_UUID,
    highWatermark: 0,
  }))
  const parts = encodeRequest('Fetch', FETCH_VERSION, HEADER, {
    replicaId: -1,
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 52_428_800,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topicId: TOPIC_ID, topic: '', partitions: list }],
    forgottenTopicsData: [],
    rackId: '',
    clusterId: null,
    replicaState: { replicaId: -1, replicaEpoch: -1 },
  })
  return Buffer.concat(parts as Uint8Array[])
}

function benchDecode(
  name: 'Produce' | 'Fetch',
  version: number,
  partitions: number,
  frame: Uint8Array,
): void {
  bench(`decode ${name}Request, ${partitions} partition(s)`, () => {
    const { bodyOffset } = decodeRequestHeader(frame)
    do_not_optimize(decode(`${name}Request`, version, frame, bodyOffset))
  })
}

function benchProduceResponse(partitions: number): void {
  const partitionResponses = Array.from({ length: partitions }, (_, index) => ({
    index,
    errorCode: 0,
    baseOffset: 123_456_789,
    logAppendTimeMs: -1,
    logStartOffset: 0,
    recordErrors: [],
    errorMessage: null,
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
  }))
  const responses = [{ topicId: ZERO_UUID, name: 'orders', partitionResponses }]
  const body = { responses, throttleTimeMs: 0, nodeEndpoints: [] }
  bench(`encode ProduceResponse, ${partitions} partition(s)`, () => {
    do_not_optimize(encodeResponse('Produce', PRODUCE_VERSION, 7, body, true))
  })
}

function benchFetchResponse(partitions: number, records: Uint8Array): void {
  const list = Array.from({ length: partitions }, (_, partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 123_456_790,
    lastStableOffset: 123_456_790,
    logStartOffset: 0,
    divergingEpoch: { epoch: -1, endOffset: -1 },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { endOffset: -1, epoch: -1 },
    abortedTransactions: null,
    preferredReadReplica: -1,
    records,
  }))
  const responses = [{ topicId: TOPIC_ID, topic: '', partitions: list }]
  const body = { throttleTimeMs: 0, errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] }
  bench(`encode FetchResponse, ${partitions} partition(s)`, () => {
    do_not_optimize(encodeParts('FetchResponse', FETCH_VERSION, body))
  })
}

const batch = encodeBatch({
  records: Array.from({ length: 15 }, () => ({
    timestamp: 1_700_000_000_000,
    value: Buffer.alloc(1024, 'x'),
  })),
})

group('frames', () => {
  for (const partitions of [1, 100]) {
    benchDecode('Produce', PRODUCE_VERSION, partitions, produceRequest(partitions, batch))
    benchProduceResponse(partitions)
    benchDecode('Fetch', FETCH_VERSION, partitions, fetchRequest(partitions))
    benchFetchResponse(partitions, batch)
  }
})
