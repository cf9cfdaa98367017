/** Brokers with several listeners: whoever asks is told the addresses of the listener that it asked on. */
import test from 'ava'
import { ErrorCode } from '../../lib/protocol/index.js'
import { Brokers, until } from '../support/brokers.js'
import { batchOf } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const topic = 'orders'
const inside = 'INSIDE'
const outside = 'OUTSIDE'
const ids = [1, 2, 3]

/** Broker 3 has no listener for the outside; 1 is reached by name there, 2 by an IPv6 address. */
const outsideHosts: Record<number, string> = { 1: 'broker-1.example', 2: '[2001:db8::2]' }

function start(): Promise<Brokers> {
  return Brokers.start({
    ids,
    properties: {
      'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
      'inter.broker.listener.name': inside,
      'offsets.topic.num.partitions': '3',
    },
    propertiesOf: (id): Record<string, string> => {
      const host = outsideHosts[id]
      if (host === undefined) return { listeners: 'INSIDE://127.0.0.1:0' }
      return {
        listeners: 'INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0',
        'advertised.listeners': `OUTSIDE://${host}:${9_000 + id}`,
      }
    },
  })
}

const outsideAddresses = ['1 broker-1.example:9001', '2 2001:db8::2:9002']

function addresses(brokers: readonly { nodeId: number; host: string; port: number }[]): string[] {
  return brokers.map(({ nodeId, host, port }) => `${nodeId} ${host}:${port}`)
}

test('any broker tells the addresses of the listener that it was asked on, and leaves out who has none', async (t) => {
  await using brokers = await start()
  await brokers.createTopic(topic, [[1], [2], [3]])
  const everybody = ids.map((id) => `${id} ${brokers.address(id, inside)}`)
  for (const [id, listener, known] of [
    [1, inside, everybody],
    [3, inside, everybody],
    [1, outside, outsideAddresses],
    [2, outside, outsideAddresses],
  ] as const) {
    using client = await TestClient.connect(brokers.address(id, listener))
    await until(async () => (await client.send('Metadata', { topics: [] })).brokers.length === known.length)
    t.deepEqual(addresses((await client.send('Metadata', { topics: [] })).brokers), known)
    const described = await client.send('DescribeCluster', { endpointType: 1 })
    t.deepEqual(addresses(described.brokers.map((each) => ({ ...each, nodeId: each.brokerId }))), known)
    t.is(described.errorCode, 0)
  }
})

test('partitions whose leader lacks the listener have none there', async (t) => {
  await using brokers = await start()
  await brokers.createTopic(topic, [
    [1, 2],
    [3, 2],
    [1, 3],
  ])
  using client = await TestClient.connect(brokers.address(1, outside))
  await until(async () => (await client.send('Metadata', { topics: [] })).brokers.length === 2)
  const told = async (version?: number) => {
    const { topics } = await client.send('Metadata', { topics: [{ name: topic }] }, version)
    return topics[0]!.partitions.map(({ errorCode, leaderId, offlineReplicas }) => ({
      errorCode,
      leaderId,
      offlineReplicas,
    }))
  }
  const known = { errorCode: ErrorCode.NONE, leaderId: 1 }
  const unknown = { errorCode: ErrorCode.LISTENER_NOT_FOUND, leaderId: -1 }
  t.deepEqual(await told(), [
    { ...known, offlineReplicas: [] },
    { ...unknown, offlineReplicas: [3] },
    { ...known, offlineReplicas: [3] },
  ])
  t.is((await told(5))[1]!.errorCode, ErrorCode.LEADER_NOT_AVAILABLE)
  const { topics } = await client.send('DescribeTopicPartitions', {
    topics: [{ name: topic }],
    responsePartitionLimit: 10,
    cursor: null,
  })
  t.like(topics[0]!.partitions[1]!, unknown)
})

test('leaders and coordinators are told by the address of the listener', async (t) => {
  await using brokers = await start()
  await brokers.createTopic(topic, [[2]])
  await brokers.createTopic('__consumer_offsets', [[2]], { 'cleanup.policy': 'compact' })
  for (const [listener, address] of [
    [inside, `2 ${brokers.address(2, inside)}`],
    [outside, outsideAddresses[1]!],
  ] as const) {
    using client = await TestClient.connect(brokers.address(1, listener))
    await client.send('ApiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' }, 3)
    const { responses, nodeEndpoints } = await client.send(
      'Produce',
      {
        acks: -1,
        timeoutMs: 60_000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records: batchOf(['a']) }] }],
      },
      12,
    )
    t.is(responses[0]!.partitionResponses[0]!.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    t.deepEqual(addresses(nodeEndpoints), [address])
    const { coordinators } = await client.send('FindCoordinator', { coordinatorKeys: ['readers'] })
    t.deepEqual(addresses(coordinators), [address])
  }
})

test('a coordinator that lacks the listener is not available there', async (t) => {
  await using brokers = await start()
  await brokers.createTopic('__consumer_offsets', [[3]], { 'cleanup.policy': 'compact' })
  const coordinator = async (listener: string) => {
    using client = await TestClient.connect(brokers.address(1, listener))
    return (await client.send('FindCoordinator', { coordinatorKeys: ['readers'] })).coordinators[0]!
  }
  t.like(await coordinator(inside), { errorCode: 0, nodeId: 3 })
  t.is((await coordinator(outside)).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
})
