// Producing to, and consuming from, six partitions with three replicas, with the librdkafka load generator.
import type { ClientSettings } from '../load/generator.js'
import type { Aim, Figures, Workload } from '../workload.js'
import type { ClusterBench } from './cluster-bench.js'

const PARTITIONS = 6
/** Each byte is written three times. A JVM is warm by then. */
const WARM_BYTES = 400e6
const MEASURED_BYTES = 400e6
const CONSUMED = 'consumed'

interface Variant {
  readonly name: string
  readonly title: string
  readonly size: number
  readonly client: ClientSettings
  /** Answers from the page caches, as Kafka always does. */
  readonly writeCaching?: boolean
  readonly aims: readonly Aim[]
}

const ACKS_ALL = { acks: 'all' }
const atLeast = (bound: number): Aim => ({ metric: 'mbPerSecond', of: 'ratio', bound })
const NO_MORE_CPU: Aim = { metric: 'cpuPerGb', of: 'ratio', bound: 1 }

const VARIANTS: readonly Variant[] = [
  {
    name: 'produce-1k',
    title: '1 KB, acks=all',
    size: 1024,
    client: ACKS_ALL,
    aims: [atLeast(1), NO_MORE_CPU],
  },
  {
    name: 'produce-1k-cached',
    title: '1 KB, acks=all, write.caching=true',
    size: 1024,
    client: ACKS_ALL,
    writeCaching: true,
    aims: [atLeast(1.5), NO_MORE_CPU],
  },
  {
    name: 'produce-1k-idempotent',
    title: '1 KB, idempotent',
    size: 1024,
    client: { ...ACKS_ALL, 'enable.idempotence': true },
    aims: [atLeast(1), NO_MORE_CPU],
  },
  {
    name: 'produce-100b',
    title: '100 B, acks=all',
    size: 100,
    client: ACKS_ALL,
    aims: [atLeast(1), NO_MORE_CPU],
  },
]

function load({ size, client }: Variant) {
  return { size, client, partitions: PARTITIONS, payload: 'text' as const }
}

/** The first workload of a stage warms the cluster up. */
async function started(bench: ClusterBench): Promise<void> {
  if (!(await bench.start())) return
  const [variant] = VARIANTS as [Variant]
  await bench.createTopic('warm', PARTITIONS)
  const messages = bench.amount(WARM_BYTES / variant.size)
  await bench.generator.produce({ ...load(variant), bootstrap: bench.bootstrap, topic: 'warm', messages })
  await bench.deleteTopic('warm')
}

async function produce(variant: Variant, bench: ClusterBench): Promise<Figures> {
  await started(bench)
  const topic = variant.name
  const configs = variant.writeCaching ? bench.cachedWrites : {}
  await bench.createTopic(topic, PARTITIONS, configs)
  const messages = bench.amount(MEASURED_BYTES / variant.size)
  const cpuBefore = bench.cpuSeconds()
  const produced = await bench.generator.produce({
    ...load(variant),
    bootstrap: bench.bootstrap,
    topic,
    messages,
  })
  const cpu = bench.cpuSeconds() - cpuBefore
  await bench.deleteTopic(topic)
  return {
    mbPerSecond: produced.mbPerSecond,
    cpuPerGb: cpu / (produced.bytes / 1e9),
    ackP50: produced.ack.p50,
    ackP99: produced.ack.p99,
  }
}

async function consume(bench: ClusterBench): Promise<Figures> {
  await started(bench)
  const [variant] = VARIANTS as [Variant]
  await bench.createTopic(CONSUMED, PARTITIONS)
  const messages = bench.amount(MEASURED_BYTES / variant.size)
  const { bootstrap } = bench
  await bench.generator.produce({ ...load(variant), bootstrap, topic: CONSUMED, messages })
  await bench.tools.settle()
  const read = () => bench.generator.consume({ bootstrap, topic: CONSUMED, messages, partitions: PARTITIONS })
  await read()
  const cpuBefore = bench.cpuSeconds()
  const consumed = await read()
  const cpu = bench.cpuSeconds() - cpuBefore
  await bench.deleteTopic(CONSUMED)
  return { mbPerSecond: consumed.mbPerSecond, cpuPerGb: cpu / (consumed.bytes / 1e9) }
}

export const throughput: readonly Workload<ClusterBench>[] = [
  ...VARIANTS.map((variant) => ({
    name: variant.name,
    title: `produce ${variant.title}, ${PARTITIONS} partitions, 3 replicas`,
    aims: variant.aims,
    run: (bench: ClusterBench) => produce(variant, bench),
  })),
  {
    name: 'consume-1k',
    title: `consume 1 KB from the page caches, ${PARTITIONS} partitions`,
    aims: [atLeast(1), NO_MORE_CPU],
    run: consume,
  },
]
