// End to end with librdkafka: one 1 KB record at a time, from produce to its arrival at a consumer of the same process.
import type { Bench, Figures, Workload } from '../workload.js'
import { notSlower } from './aims.js'

const MESSAGES = 10_000
const WARM = 5_000
const SIZE = 1024

async function run(acks: 'all' | 1, bench: Bench): Promise<Figures> {
  const running = await bench.start()
  await bench.createTopic(running, 'latency')
  const { endToEnd, ack } = await bench.generator.latency({
    bootstrap: running.bootstrap,
    topic: 'latency',
    messages: bench.amount(MESSAGES),
    warm: bench.amount(WARM),
    size: SIZE,
    client: { acks, 'linger.ms': 0 },
  })
  const { mean, p50, p99, p999 } = endToEnd
  return { mean, p50, p99, p999, ackP50: ack.p50, ackP99: ack.p99, ackP999: ack.p999 }
}

export const latencyWorkloads: readonly Workload[] = ([1, 'all'] as const).map((acks) => ({
  name: `latency-${acks === 1 ? 'acks1' : acks}`,
  title: `end to end, acks=${acks}`,
  aims: notSlower,
  run: (bench) => run(acks, bench),
}))
