// Kafka's own end-to-end tool: waits for the ack, then for the record; whole milliseconds but for the mean.
import type { Bench, Figures, Workload } from '../workload.js'
import { notSlower } from './aims.js'

const MESSAGES = 10_000
const WARM = 5_000
const SIZE = 1024

async function run(acks: 'all' | 1, bench: Bench): Promise<Figures> {
  const running = await bench.start()
  const { bootstrap } = running
  await bench.createTopic(running, 'latency')
  const options = { bootstrap, topic: 'latency', acks: String(acks), size: SIZE }
  await bench.createTopic(running, 'warm')
  const warm = { messages: bench.amount(WARM), warm: 0, size: SIZE, client: { acks, 'linger.ms': 0 } }
  await bench.generator.latency({ ...warm, bootstrap, topic: 'warm' })
  return bench.java.latency({ ...options, messages: bench.amount(MESSAGES) })
}

export const javaLatencyWorkloads: readonly Workload[] = ([1, 'all'] as const).map((acks) => ({
  name: `java-latency-${acks === 1 ? 'acks1' : acks}`,
  title: `end to end with kafka-e2e-latency, acks=${acks}`,
  aims: notSlower,
  needsJava: true,
  run: (bench) => run(acks, bench),
}))
