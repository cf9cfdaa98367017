import { hostname } from 'node:os'
import test from 'ava'
import { BrokerConfig, type Endpoint, parseListeners } from '../../lib/config/index.js'

const listen = (settings: Record<string, string>) => parseListeners(new BrokerConfig(settings))
const shown = ({ name, host, port, advertisedHost, advertisedPort }: Endpoint) =>
  `${name} ${host}:${port} as ${advertisedHost}:${advertisedPort}`
const refused = (settings: Record<string, string>) => () => listen(settings)

test('without settings the broker listens on the loopback address', (t) => {
  const { endpoints, interBroker } = listen({})
  t.deepEqual(endpoints.map(shown), ['PLAINTEXT 127.0.0.1:9092 as 127.0.0.1:9092'])
  t.is(interBroker, 'PLAINTEXT')
})

test('several listeners advertise themselves or what is given', (t) => {
  const { endpoints, interBroker } = listen({
    listeners: 'inside://127.0.0.1:19092, OUTSIDE://[::1]:0',
    'advertised.listeners': 'OUTSIDE://broker.example:29092',
    'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
    'inter.broker.listener.name': 'INSIDE',
  })
  t.deepEqual(endpoints.map(shown), [
    'INSIDE 127.0.0.1:19092 as 127.0.0.1:19092',
    'OUTSIDE ::1:0 as broker.example:29092',
  ])
  t.is(interBroker, 'INSIDE')
})

test('a listener on every interface advertises the name of the machine', (t) => {
  t.deepEqual(listen({ listeners: 'PLAINTEXT://:9092' }).endpoints.map(shown), [
    `PLAINTEXT :9092 as ${hostname()}:9092`,
  ])
})

test('listeners of controllers are left out', (t) => {
  const { endpoints } = listen({
    listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    'advertised.listeners': 'PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
    'controller.listener.names': 'CONTROLLER',
  })
  t.deepEqual(endpoints.map(shown), ['PLAINTEXT :9092 as localhost:9092'])
})

test('SSL and SASL listeners are refused', (t) => {
  for (const protocol of ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL']) {
    t.throws(refused({ listeners: `${protocol}://127.0.0.1:9093` }), {
      message: new RegExp(`${protocol} does not exist yet`),
    })
  }
})

test('an address of no interface cannot be advertised', (t) => {
  t.throws(refused({ listeners: 'PLAINTEXT://0.0.0.0:9092' }), { message: /advertised\.listeners/ })
  t.throws(refused({ listeners: 'PLAINTEXT://[::]:9092' }), { message: /advertised\.listeners/ })
  t.throws(refused({ 'advertised.listeners': 'PLAINTEXT://0.0.0.0:9092' }), { message: /0\.0\.0\.0/ })
})

test('names and ports must differ, but for free ports and for IPv4 beside IPv6', (t) => {
  const map = { 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT' }
  t.throws(refused({ ...map, listeners: 'A://h:1,A://h:2' }), { message: /A more than once/ })
  t.throws(refused({ ...map, listeners: 'A://127.0.0.1:1,B://127.0.0.2:1' }), { message: /same port 1/ })
  t.notThrows(refused({ ...map, listeners: 'A://127.0.0.1:1,B://[::1]:1' }))
  t.notThrows(refused({ ...map, listeners: 'A://127.0.0.1:0,B://127.0.0.1:0' }))
})

test('what does not fit together is named', (t) => {
  const wrong: [Record<string, string>, RegExp][] = [
    [{ listeners: 'PLAINTEXT:9092' }, /'PLAINTEXT:9092' in listeners is not NAME:\/\/host:port/],
    [{ listeners: 'PLAINTEXT://h:99999' }, /is not NAME/],
    [{ listeners: 'PLAINTEXT://::1:9092' }, /brackets/],
    [{ listeners: 'INSIDE://h:1' }, /INSIDE has no entry in listener\.security\.protocol\.map/],
    [{ 'listener.security.protocol.map': 'PLAINTEXT' }, /not NAME:PROTOCOL/],
    [{ 'listener.security.protocol.map': 'PLAINTEXT:TLS' }, /unknown protocol TLS/],
    [{ 'advertised.listeners': 'OTHER://h:1' }, /OTHER, which is not in listeners/],
    [{ 'inter.broker.listener.name': 'OTHER' }, /OTHER, which is not in listeners/],
    [{ listeners: 'C://h:1', 'controller.listener.names': 'C' }, /no listener for clients/],
  ]
  for (const [settings, message] of wrong) t.throws(refused(settings), { message })
})
