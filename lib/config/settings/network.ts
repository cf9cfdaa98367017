/** Settings of listeners and connections. */

import { boolean, type Declarations, int, list, long, string } from '../setting.js'

const MIB = 1024 * 1024

export const networkSettings = {
  listeners: list(['PLAINTEXT://127.0.0.1:9092'], {
    doc: 'Where the broker listens: NAME://host:port, several with commas. No host listens on every interface, port 0 takes a free port, IPv6 stands in brackets.',
  }),
  'advertised.listeners': list(null, {
    doc: 'The addresses that clients are told, by listener name; without one a listener advertises itself.',
  }),
  'listener.security.protocol.map': string(
    'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    { doc: 'The security protocol of each listener name. Only PLAINTEXT listeners can be opened so far.' },
  ),
  'inter.broker.listener.name': string(null, {
    doc: 'The listener that other brokers use; without it the listener named PLAINTEXT.',
  }),
  'controller.listener.names': list([], {
    range: 'listener names',
    doc: 'Listeners of Kafka controllers. They are left out: metadata needs no listener here.',
  }),
  'metrics.listener': string('', {
    range: 'host:port',
    doc: 'Where metrics are served over HTTP for Prometheus. No host listens on every interface, port 0 takes a free port. Empty: nowhere. This project’s own.',
  }),
  'socket.request.max.bytes': int(100 * MIB, {
    min: 1,
    doc: 'The largest request; a larger one closes its connection.',
  }),
  'queued.max.request.bytes': long(128 * MIB, {
    min: 1,
    or: -1,
    range: '-1 or at least socket.request.max.bytes',
    doc: 'Memory that the requests of all connections may take together; while it is spent, sockets are not read. -1 sets no bound.',
  }),
  'connections.max.idle.ms': long(600_000, {
    doc: 'A connection that is idle for so long is closed; a negative value keeps it.',
  }),
  'max.connections': int(2 ** 31 - 1, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Connections that may be open at once.',
  }),
  'max.connections.per.ip': int(2 ** 31 - 1, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Connections that may be open at once from one address.',
  }),
  'max.connections.per.ip.overrides': string('', {
    change: 'cluster-wide',
    range: 'host:count,host:count,...',
    doc: 'Other bounds than max.connections.per.ip for single addresses.',
  }),
  'fetch.max.bytes': int(55 * MIB, {
    min: 1024,
    doc: 'The most bytes that one fetch response carries, but for a first batch that is larger.',
  }),
  'max.incremental.fetch.session.cache.slots': int(1000, {
    min: 0,
    doc: 'Incremental fetch sessions that are kept.',
  }),
  'max.request.partition.size.limit': int(2000, {
    min: 1,
    doc: 'The most partitions that one DescribeTopicPartitions response lists.',
  }),
  'auto.create.topics.enable': boolean(true, {
    doc: 'Create a topic when a client asks for the metadata of one that does not exist, and allows it.',
  }),
} satisfies Declarations
