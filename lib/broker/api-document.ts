/** The page docs/protocol.md: what is served, from the handlers' own declarations, and where it differs from Kafka. */
import { apiByName, apis } from '../protocol/index.js'
import { handlers } from './handlers/index.js'

const deviations = [
  '`acks=all` is answered when the records are on disk, not when they are in the page cache (`write.caching=true` gives Kafka’s behaviour).',
  'Compressed batches are checked by their header and CRC; their records are not unpacked. A record without a key in a compressed batch therefore gets into a compacted topic, where the cleaner drops it, and message timestamps inside are bounded by the batch’s largest alone.',
  '`group.initial.rebalance.delay.ms` is 0 by default: a broker that runs alone has no herd to wait for.',
  '`queued.max.request.bytes` has a finite default: memory does not grow with what clients send.',
  'A group’s offsets are stored before a commit is answered, and are on disk then.',
  'InitProducerId and FindCoordinator answer INVALID_REQUEST for transactional ids and share groups: there are none.',
  'Transactions that Kafka left open in a data folder are ended by a marker at the start ([from-kafka.md](from-kafka.md)). Markers stay in compacted topics; Kafka removes them when `delete.retention.ms` is over.',
  'A log that failed (disk full, I/O error, failed fsync) serves neither produce nor fetch until the broker is started again; the other partitions go on.',
  'Producer state in `.snapshot` files holds all batches that a producer may send again, behind the entries that Kafka knows, so that they are recognised after a restart too. Kafka reads the file and passes over the rest.',
  'ListOffsets by time finds a record also where the log begins with a segment that compaction has emptied; Kafka answers −1 there.',
  'Deleted files go at once; whoever reads one holds it open until done. `file.delete.delay.ms` has no meaning.',
  'Connections above `max.connections` are refused; Kafka lets them wait.',
  'Batches that an idempotent producer has in flight behind its refused first one are refused alike until that comes again; Kafka takes the second, and the first is out of order for good.',
  'Followers serve consumers (KIP-392) that tell a rack or a leader epoch; who tells neither takes them for the leader and is told NOT_LEADER_OR_FOLLOWER.',
  'The new leader’s address (KIP-951) is told to clients alone that have named themselves on the connection by ApiVersions, and not to `@platformatic/kafka`, which cannot skip it.',
  'Nothing is kept of client metrics: the telemetry APIs are not advertised, and clients then send none.',
]

export function apiDocument(): string {
  const served = new Map(handlers.map((handler) => [handler.api as string, handler]))
  const ownApis = handlers.filter(({ betweenBrokers }) => betweenBrokers).map(({ api }) => api)
  const rows: string[] = []
  const absent: string[] = []
  for (const { name, key, listeners } of apis.values()) {
    const handler = served.get(name)
    if (ownApis.includes(name)) continue
    if (handler) {
      const [first, last] = handler.versions
      rows.push(`| ${key} | ${name} | ${first}–${last} | ${handler.access.rule} |`)
    }
    if (!handler && listeners.includes('BROKER')) absent.push(name)
  }
  return `# The protocol
Messages are those of Apache Kafka 4.3.1. This page is generated from the handlers' declarations by \`node scripts/protocol-document.js\`.

## Served
The last column says what the authorizer is asked for. The one that brokers have allows everything.

| key | API | versions | who may |
| --- | --- | --- | --- |
${rows.join('\n')}

Brokers speak to each other by Fetch, and by ${ownApis.map((api) => `${api} (key ${apiByName(api).key})`).join(', ')}, which is not Kafka's and is not advertised.

## Not there
These are not advertised, and a request of one closes its connection, as Kafka does with what it does not know: ${absent.join(', ')}.

## Where this broker differs from Kafka
${deviations.map((line) => `- ${line}`).join('\n')}
`
}
