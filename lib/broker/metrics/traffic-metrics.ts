/** What clients and followers send and take. */
import { counter, labelledCounter } from './metric.js'
import type { Traffic } from './traffic.js'

const name = (what: string) => `kafka_server_brokertopicmetrics_${what}_total`

type TopicTraffic = Traffic['topics'] extends Map<string, infer T> ? T : never
type RequestTraffic = Traffic['requests'] extends Map<string, infer T> ? T : never

export const trafficMetrics = [
  perTopic('bytesin', 'Bytes of the batches that clients sent', ({ bytesIn }) => bytesIn),
  perTopic('messagesin', 'Records that clients sent', ({ messagesIn }) => messagesIn),
  perTopic('bytesout', 'Bytes of the batches that consumers were sent', ({ bytesOut }) => bytesOut),
  counter(
    name('replicationbytesout'),
    'Bytes of the batches that followers were sent',
    ({ traffic }) => traffic.replicationBytesOut,
  ),
  perApi('requests_total', 'Requests answered', ({ count }) => count),
  perApi(
    'totaltimems_total',
    'Milliseconds between the arrival of a request and its answer, waits included, over all requests',
    ({ totalMs }) => totalMs,
  ),
]

function perTopic(what: string, help: string, value: (traffic: TopicTraffic) => number) {
  return labelledCounter(name(what), ['topic'], help, function* ({ traffic }) {
    for (const [topic, counts] of traffic.topics) yield [[topic], value(counts)]
  })
}

function perApi(what: string, help: string, value: (traffic: RequestTraffic) => number) {
  return labelledCounter(`kafka_network_requestmetrics_${what}`, ['request'], help, function* ({ traffic }) {
    for (const [api, counts] of traffic.requests) yield [[api], value(counts)]
  })
}
