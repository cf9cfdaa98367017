import test from 'ava'
import {
  BrokerConfig,
  describeBroker,
  describeClusterDefault,
  describeTopic,
} from '../../lib/config/index.js'

const overrides = (entries: Record<string, string>) => new Map(Object.entries(entries))
const levels = (synonyms: readonly { name: string; value: string | null; source: string }[]) =>
  synonyms.map(({ name, value, source }) => `${source} ${name}=${value}`)

test('a topic setting tells where its value comes from, down to the default', (t) => {
  const config = new BrokerConfig({ 'log.retention.hours': '2' })
  config.applyDynamic(overrides({ 'log.retention.ms': '30' }), overrides({ 'log.retention.ms': '20' }))
  const [retention] = describeTopic(config, overrides({ 'retention.ms': '10' }), ['retention.ms'])
  t.is(retention!.value, '10')
  t.is(retention!.source, 'DYNAMIC_TOPIC_CONFIG')
  t.deepEqual(levels(retention!.synonyms), [
    'DYNAMIC_TOPIC_CONFIG retention.ms=10',
    'DYNAMIC_BROKER_CONFIG log.retention.ms=30',
    'DYNAMIC_DEFAULT_BROKER_CONFIG log.retention.ms=20',
    'STATIC_BROKER_CONFIG log.retention.hours=2',
    'DEFAULT_CONFIG log.retention.hours=168',
  ])
})

test('without an override the value is in the topic’s own unit', (t) => {
  const config = new BrokerConfig({ 'log.retention.hours': '2' })
  const [retention, flush] = describeTopic(config, new Map(), ['retention.ms', 'flush.ms'])
  t.is(retention!.value, '7200000')
  t.is(retention!.source, 'STATIC_BROKER_CONFIG')
  t.is(flush!.value, '9223372036854775807')
  t.is(flush!.source, 'DEFAULT_CONFIG')
})

test('a value is shown as Kafka prints it, however it was written', (t) => {
  const config = new BrokerConfig({ 'log.retention.bytes': ' 07 ' })
  config.applyDynamic(new Map(), overrides({ 'unclean.leader.election.enable': 'True' }))
  const written = {
    'cleanup.policy': 'delete , compact',
    'min.cleanable.dirty.ratio': '0.50',
    'message.timestamp.before.max.ms': '+9223372036854775806',
    preallocate: ' TRUE',
  }
  const described = describeTopic(config, overrides(written), Object.keys(written))
  const printed = ['delete,compact', '0.5', '9223372036854775806', 'true']
  t.deepEqual(
    described.map(({ value }) => value),
    printed,
  )
  t.deepEqual(
    described.map(({ synonyms }) => synonyms[0]!.value),
    printed,
  )
  t.is(describeBroker(config, ['log.retention.bytes'])[0]!.value, '7')
  t.is(describeClusterDefault(config)[0]!.value, 'true')
})

test('all topic settings of Kafka are described, internal and unknown ones are not', (t) => {
  const names = describeTopic(new BrokerConfig(), new Map()).map(({ name }) => name)
  t.is(names.length, 34)
  t.is(describeTopic(new BrokerConfig(), new Map(), []).length, 34)
  t.true(names.includes('write.caching'))
  t.true(names.includes('remote.storage.enable'))
  t.false(names.includes('internal.segment.bytes'))
  t.deepEqual(describeTopic(new BrokerConfig(), new Map(), ['nothing.such']), [])
})

test('a broker setting tells its level, and whether it can be changed', (t) => {
  const config = new BrokerConfig({ 'num.partitions': '3' })
  config.applyDynamic(new Map(), overrides({ 'message.max.bytes': '200' }))
  const [partitions, size, threads] = describeBroker(config, [
    'num.partitions',
    'message.max.bytes',
    'num.io.threads',
  ])
  t.like(partitions!, { value: '3', source: 'STATIC_BROKER_CONFIG', readOnly: true, type: 'int' })
  t.like(size!, { value: '200', source: 'DYNAMIC_DEFAULT_BROKER_CONFIG', readOnly: false })
  t.like(threads!, { value: '8', source: 'DEFAULT_CONFIG', readOnly: true })
})

test('a broker setting that is not set stays empty beside its synonyms', (t) => {
  const [ms, hours] = describeBroker(new BrokerConfig(), ['log.retention.ms', 'log.retention.hours'])
  t.is(ms!.value, null)
  t.is(hours!.value, '168')
  t.deepEqual(levels(ms!.synonyms), ['DEFAULT_CONFIG log.retention.hours=168'])
})

test('secrets have no value', (t) => {
  const config = new BrokerConfig({ 'ssl.key.password': '' })
  const [password] = describeBroker(config, ['ssl.key.password'])
  t.like(password!, { value: null, isSensitive: true, type: 'password' })
  t.true(password!.synonyms.every(({ value }) => value === null))
})

test('the cluster-wide default shows what was set there', (t) => {
  const config = new BrokerConfig()
  config.applyDynamic(overrides({ 'max.connections': '1' }), overrides({ 'message.max.bytes': '200' }))
  t.deepEqual(
    describeClusterDefault(config).map(({ name, value, source }) => [name, value, source]),
    [['message.max.bytes', '200', 'DYNAMIC_DEFAULT_BROKER_CONFIG']],
  )
})
