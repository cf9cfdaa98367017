// Kafka's own producer performance tool: the Java client with its defaults (idempotent, acks=all, 16 KB batches), and
// with acks=1.
import { cpuSeconds, peakRssMb } from '../processes.js'
import type { Bench, Figures, Tools, Workload } from '../workload.js'
import { atLeast } from './aims.js'
import { warmed } from './warmed.js'

interface Variant {
  readonly name: string
  readonly title: string
  readonly size: number
  readonly messages: number
  readonly durable: boolean
  readonly properties: readonly string[]
  readonly aim: number
}

const KB = { size: 1024, messages: 1_000_000 }
const LARGE_BATCHES = ['batch.size=524288', 'linger.ms=5']

const VARIANTS: readonly Variant[] = [
  {
    ...KB,
    name: 'java-produce-1k-default',
    title: '1 KB, idempotent',
    durable: true,
    properties: [],
    aim: 1.3,
  },
  {
    ...KB,
    name: 'java-produce-1k-large',
    title: '1 KB, idempotent, 512 KB batches',
    durable: true,
    properties: LARGE_BATCHES,
    aim: 1.3,
  },
  {
    ...KB,
    name: 'java-produce-1k-acks1',
    title: '1 KB, acks=1, 512 KB batches',
    durable: false,
    properties: [...LARGE_BATCHES, 'acks=1', 'enable.idempotence=false'],
    aim: 2.5,
  },
  {
    name: 'java-produce-100b-default',
    title: '100 B, idempotent',
    size: 100,
    messages: 5_000_000,
    durable: true,
    properties: [],
    aim: 1.15,
  },
]

/** The client's own share of warming up; the broker is warmed by the faster generator before. */
const WARM_PART = 0.4
const WARM_CLIENT = { 'enable.idempotence': true, acks: 'all', 'batch.size': 65536 }

async function run(variant: Variant, bench: Bench): Promise<Figures> {
  const { size, properties } = variant
  const messages = bench.amount(variant.messages)
  const warm = bench.amount(variant.messages * WARM_PART)
  const running = await bench.start()
  const { bootstrap, pid } = running
  await warmed(bench, running, { size, partitions: 1, payload: 'text', client: WARM_CLIENT })
  await bench.createTopic(running, 'measured')
  const cpuBefore = cpuSeconds(pid)
  const produced = await bench.java.produce({
    bootstrap,
    topic: 'measured',
    messages,
    warm,
    size,
    properties,
  })
  return {
    mbPerSecond: produced.mbPerSecond,
    cpuPerGb: (cpuSeconds(pid) - cpuBefore) / (((messages + warm) * size) / 1e9),
    peakRssMb: peakRssMb(pid),
    ackP50: produced.p50,
    ackP99: produced.p99,
    ackP999: produced.p999,
  }
}

async function generatorLimit({ size, properties, ...variant }: Variant, tools: Tools): Promise<number> {
  const sink = await tools.generator.sink({ partitions: 1, size, payload: 'text', batch: 100 })
  try {
    const messages = Math.round(variant.messages * tools.scale)
    const warm = Math.round(messages * WARM_PART)
    const options = { bootstrap: sink.bootstrap, topic: 'measured', messages, warm, size, properties }
    return (await tools.java!.produce(options)).mbPerSecond
  } finally {
    sink.stop()
  }
}

export const javaProduceWorkloads: readonly Workload[] = VARIANTS.map((variant) => ({
  name: variant.name,
  title: `produce with kafka-producer-perf-test ${variant.title}`,
  aims: [atLeast(variant.aim)],
  needsJava: true,
  durable: variant.durable,
  run: (bench) => run(variant, bench),
  generatorLimit: (tools) => generatorLimit(variant, tools),
}))
