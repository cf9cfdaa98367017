import test from 'ava'
import { BrokerConfig, collectSettings, parseListeners } from '../../lib/config/index.js'

/** The settings of the file that Kafka 4.3.1 comes with. */
const stock = `
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
#log.retention.bytes=1073741824
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
`

const file = { path: 'server.properties', text: stock }

test('Kafka’s stock file is taken, and what has no meaning here is listed', (t) => {
  const config = new BrokerConfig(collectSettings({ file }))
  t.is(config.get('log.dirs')![0], '/tmp/kraft-combined-logs')
  t.deepEqual(
    parseListeners(config).endpoints.map(({ name, host, port, advertisedHost }) => [
      name,
      host,
      port,
      advertisedHost,
    ]),
    [['PLAINTEXT', '', 9092, 'localhost']],
  )
  t.true(config.ignored.includes('process.roles'))
  t.true(config.ignored.includes('num.io.threads'))
  t.false(config.ignored.includes('log.segment.bytes'))
})

test('the environment comes before the file, --override before both, options before all', (t) => {
  const sources = { file, env: { ODRADEK_NUM_PARTITIONS: '2', PATH: '/bin' } }
  t.is(collectSettings(sources).get('num.partitions'), '2')
  t.is(collectSettings({ ...sources, overrides: ['num.partitions = 3'] }).get('num.partitions'), '3')
  const settings = collectSettings({ ...sources, overrides: ['log.dirs=/a'], dataDir: '/b' })
  t.is(settings.get('log.dirs'), '/b')
})

test('a data folder takes the place of log.dir and log.dirs', (t) => {
  const settings = collectSettings({ overrides: ['log.dir=/a', 'log.dirs=/b'], dataDir: '/c' })
  t.deepEqual([...settings], [['log.dirs', '/c']])
})

test('a port moves the first listener for clients, and what it advertises', (t) => {
  const moved = new BrokerConfig(collectSettings({ file, port: 19092 }))
  t.deepEqual(
    parseListeners(moved).endpoints.map(({ port, advertisedHost, advertisedPort }) => [
      port,
      advertisedHost,
      advertisedPort,
    ]),
    [[19092, 'localhost', 19092]],
  )
  t.is(collectSettings({ port: 0 }).get('listeners'), 'PLAINTEXT://127.0.0.1:0')
  const behindProxy = collectSettings({
    overrides: ['listeners=PLAINTEXT://:9092', 'advertised.listeners=PLAINTEXT://proxy:80'],
    port: 1,
  })
  t.is(behindProxy.get('advertised.listeners'), 'PLAINTEXT://proxy:80')
  t.throws(() => collectSettings({ port: 70_000 }), { message: /no port/ })
})

test('a misspelled environment variable is named with the nearest one', (t) => {
  t.throws(() => collectSettings({ env: { ODRADEK_NUM_PARTITION: '2' } }), {
    message: /ODRADEK_NUM_PARTITION stands for .* did you mean ODRADEK_NUM_PARTITIONS\?/,
  })
  t.is(collectSettings({ env: { ODRADEK_SOMETHING_ELSE_ALTOGETHER: '1' } }).size, 0)
})

test('an override without a value is refused', (t) => {
  t.throws(() => collectSettings({ overrides: ['num.partitions'] }), { code: 'SYNTAX' })
})
