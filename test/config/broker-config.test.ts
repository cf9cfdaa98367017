import test from 'ava'
import { BrokerConfig, ConfigError } from '../../lib/config/index.js'

const thrownBy = (settings: Record<string, string>) => {
  try {
    new BrokerConfig(settings)
  } catch (error) {
    if (error instanceof ConfigError) return { code: error.code, message: error.message }
    throw error
  }
  return undefined
}

test('values have their types', (t) => {
  const config = new BrokerConfig({ 'num.partitions': ' 3 ', 'auto.create.topics.enable': 'FALSE' })
  const partitions: number = config.get('num.partitions')
  const create: boolean = config.get('auto.create.topics.enable')
  const listeners: readonly string[] = config.get('listeners')
  const rack: string | null = config.get('broker.rack')
  t.is(partitions, 3)
  t.false(create)
  t.deepEqual(listeners, ['PLAINTEXT://127.0.0.1:9092'])
  t.is(rack, null)
})

test('the largest long is never', (t) => {
  const config = new BrokerConfig({ 'log.flush.interval.messages': '9223372036854775807' })
  t.is(config.get('log.flush.interval.messages'), Number.POSITIVE_INFINITY)
  t.is(config.get('log.cleaner.io.max.bytes.per.second'), Number.POSITIVE_INFINITY)
})

test('a value of the wrong type or out of range is refused as Kafka does', (t) => {
  const wrong: [string, string, RegExp][] = [
    [
      'num.partitions',
      'many',
      /Invalid value many for configuration num\.partitions: Not a number of type INT/,
    ],
    ['num.partitions', '1.5', /Not a number/],
    ['num.partitions', '0', /must be at least 1/],
    ['log.segment.bytes', '2147483648', /Not a number of type INT/],
    ['log.cleaner.min.cleanable.ratio', '1.5', /no more than 1/],
    ['delete.topic.enable', 'yes', /either true or false/],
    ['compression.type', 'none', /must be one of: uncompressed, zstd, lz4, snappy, gzip, producer/],
    ['compression.gzip.level', '0', /between 1 and 9 or equal to -1/],
    ['log.cleanup.policy', 'delete,,compact', /must not be empty/],
    ['log.cleanup.policy', 'Compact', /must be one of: compact, delete/],
    ['log.retention.ms', '0', /-1 \(no bound\) or at least 1/],
    ['log.retention.minutes', '0', /-1 \(no bound\) or at least 1/],
  ]
  for (const [name, value, message] of wrong) {
    const error = thrownBy({ [name]: value })
    t.is(error?.code, 'INVALID_VALUE', `${name}=${value}`)
    t.regex(error!.message, message)
  }
})

test('an unknown setting is named with the nearest known one', (t) => {
  t.deepEqual(thrownBy({ 'log.retenton.ms': '1' }), {
    code: 'UNKNOWN_SETTING',
    message: 'Unknown setting log.retenton.ms; did you mean log.retention.ms?',
  })
  t.is(thrownBy({ 'completely.different.thing.of.mine': '1' })?.message.includes('did you mean'), false)
})

test('what would weaken security or durability is refused, its default is not', (t) => {
  for (const [name, value] of [
    ['authorizer.class.name', 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'],
    ['ssl.keystore.location', '/etc/keystore'],
    ['sasl.enabled.mechanisms', 'PLAIN'],
    ['remote.log.storage.system.enable', 'true'],
    ['config.providers', 'file'],
    ['create.topic.policy.class.name', 'com.example.Policy'],
    ['security.inter.broker.protocol', 'SSL'],
    ['listener.name.plaintext.ssl.keystore.location', '/etc/keystore'],
  ] as const) {
    t.is(thrownBy({ [name]: value })?.code, 'REFUSED_SETTING', name)
  }
  t.is(
    thrownBy({
      'authorizer.class.name': '',
      'security.inter.broker.protocol': 'PLAINTEXT',
      'sasl.enabled.mechanisms': 'GSSAPI',
    }),
    undefined,
  )
})

test('a secret is never shown', (t) => {
  const error = thrownBy({ 'ssl.keystore.password': 'hunter2' })
  t.is(error?.code, 'REFUSED_SETTING')
  t.notRegex(error!.message, /hunter2/)
})

test('settings without meaning here are listed, in any number', (t) => {
  const config = new BrokerConfig({
    'num.io.threads': '8',
    'process.roles': 'broker,controller',
    'num.partitions': '2',
  })
  t.deepEqual(config.ignored, ['num.io.threads', 'process.roles'])
})

test('settings that are at odds are refused', (t) => {
  for (const [settings, message] of [
    [{ 'node.id': '1', 'broker.id': '2' }, /node\.id and broker\.id/],
    [{ 'queued.max.request.bytes': '10' }, /at least socket\.request\.max\.bytes/],
    [{ 'group.min.session.timeout.ms': '10', 'group.max.session.timeout.ms': '5' }, /larger than/],
    [{ 'max.connections.per.ip': '0' }, /overrides/],
    [{ 'max.connections.per.ip.overrides': 'host' }, /host:count/],
    [{ 'log.dirs': '/a,/b' }, /one data folder/],
    [
      { 'log.cleaner.min.compaction.lag.ms': '10', 'log.cleaner.max.compaction.lag.ms': '5' },
      /min\.compaction\.lag\.ms \(10\) is larger/,
    ],
  ] as [Record<string, string>, RegExp][]) {
    t.regex(thrownBy(settings)?.message ?? 'taken', message)
  }
})

test('broker.id stands for node.id', (t) => {
  t.is(new BrokerConfig({ 'broker.id': '7' }).get('node.id'), 7)
})

test('the budget of all frames is finite, and never smaller than one frame', (t) => {
  t.true(Number.isFinite(new BrokerConfig().get('queued.max.request.bytes')))
  const config = new BrokerConfig({ 'socket.request.max.bytes': '2000000000' })
  t.is(config.get('queued.max.request.bytes'), 2_000_000_000)
})

test('a topic has the first that is set of its own, the broker’s synonyms and the default', (t) => {
  const topic = (settings: Record<string, string>, overrides: Record<string, string> = {}) =>
    new BrokerConfig(settings).topic(new Map(Object.entries(overrides)))
  t.is(topic({}).retentionMs, 604_800_000)
  t.is(topic({ 'log.retention.hours': '2' }).retentionMs, 7_200_000)
  t.is(topic({ 'log.retention.hours': '2', 'log.retention.minutes': '3' }).retentionMs, 180_000)
  t.is(topic({ 'log.retention.minutes': '3', 'log.retention.ms': '4' }).retentionMs, 4)
  t.is(topic({ 'log.retention.ms': '4' }, { 'retention.ms': '5' }).retentionMs, 5)
  t.is(topic({ 'log.retention.hours': '-1' }).retentionMs, -1)
  t.is(topic({ 'log.roll.hours': '1' }).segmentMs, 3_600_000)
  t.is(topic({ 'message.max.bytes': '77' }).maxMessageBytes, 77)
  t.is(topic({ 'log.flush.scheduler.interval.ms': '9' }).flushMs, 9)
  t.is(topic({ 'log.write.caching': 'true' }).writeCaching, true)
})

test('a cleanup policy says what it holds', (t) => {
  const policy = (text: string) => {
    const { compact, delete: remove } = new BrokerConfig().topic(new Map([['cleanup.policy', text]]))
    return { compact, remove }
  }
  t.deepEqual(policy('compact'), { compact: true, remove: false })
  t.deepEqual(policy('delete , compact'), { compact: true, remove: true })
  t.deepEqual(policy(''), { compact: false, remove: false })
})

test('overrides of a topic are validated', (t) => {
  const config = new BrokerConfig()
  const validate = (overrides: Record<string, string>) => () =>
    config.validateTopic(new Map(Object.entries(overrides)))
  t.throws(validate({ 'segment.byte': '1' }), {
    message: /Unknown topic config name: segment\.byte.*segment\.bytes/,
  })
  t.throws(validate({ 'segment.bytes': '100' }), { message: /at least 1048576/ })
  t.throws(validate({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' }), { message: /larger/ })
  t.throws(validate({ 'remote.storage.enable': 'true' }), { message: /refused/ })
  t.notThrows(validate({ 'unclean.leader.election.enable': 'TRUE', preallocate: 'true' }))
})

test('a dynamic change reaches the listeners of that setting, and topics', (t) => {
  const config = new BrokerConfig({ 'message.max.bytes': '100' })
  const told: string[][] = []
  config.onChange(['message.max.bytes'], (changed) => told.push([...changed]))
  const stop = config.onChange(undefined, (changed) => told.push(['all', ...changed]))

  config.applyDynamic(new Map(), new Map([['message.max.bytes', '200']]))
  t.is(config.topic().maxMessageBytes, 200)
  config.applyDynamic(new Map([['message.max.bytes', '300']]), new Map([['message.max.bytes', '200']]))
  t.is(config.get('message.max.bytes'), 300)
  t.deepEqual(told, [
    ['message.max.bytes'],
    ['all', 'message.max.bytes'],
    ['message.max.bytes'],
    ['all', 'message.max.bytes'],
  ])

  stop()
  told.length = 0
  config.applyDynamic(new Map(), new Map([['max.connections', '5']]))
  t.deepEqual(told, [['message.max.bytes']])
  t.is(config.get('message.max.bytes'), 100)
})

test('a change without effect tells nobody', (t) => {
  const config = new BrokerConfig({ 'message.max.bytes': '100' })
  config.onChange(undefined, () => t.fail())
  config.applyDynamic(new Map([['message.max.bytes', ' 100']]), new Map())
  t.pass()
})

test('only dynamic settings can be changed, and only where they may be', (t) => {
  const config = new BrokerConfig()
  const validate = (name: string, value: string, scope: 'per-broker' | 'cluster-wide') => () =>
    config.validateDynamic(new Map([[name, value]]), scope)
  t.throws(validate('num.partitions', '5', 'per-broker'), { message: /while the broker runs/ })
  t.throws(validate('num.io.threads', '5', 'cluster-wide'), { message: /no effect here/ })
  t.throws(validate('log.segment.byte', '5', 'cluster-wide'), { message: /did you mean log\.segment\.bytes/ })
  t.throws(validate('log.segment.bytes', '5', 'cluster-wide'), { message: /at least 1048576/ })
  t.throws(validate('log.cleaner.max.compaction.lag.ms', '0', 'cluster-wide'), { message: /at least 1/ })
  t.notThrows(validate('log.segment.bytes', '1048576', 'cluster-wide'))
})
