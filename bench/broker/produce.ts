// Producing with the librdkafka load generator: record size, acks, compression, idempotence and partitions vary.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientSettings } from '../load/generator.js'
import { cpuSeconds, peakRssMb } from '../processes.js'
import type { Aim, Bench, Figures, Tools, Workload } from '../workload.js'
import { atLeast, cpuAtMost } from './aims.js'
import { warmed } from './warmed.js'

interface Variant {
  readonly name: string
  readonly title: string
  readonly size: number
  /** Less than 1.5 GB of records: what the page cache takes without being throttled. */
  readonly messages: number
  readonly partitions?: number
  readonly payload?: 'pattern' | 'text'
  readonly durable?: boolean
  readonly client: ClientSettings
  readonly aims: readonly Aim[]
}

/** LZ4 makes less than a half of the text. */
const MOST_STORED = 0.6

const KB = { size: 1024, messages: 1_400_000 }
const SMALL = { size: 100, messages: 8_000_000 }
const IDEMPOTENT = { 'enable.idempotence': true, acks: 'all' }

const VARIANTS: readonly Variant[] = [
  {
    ...KB,
    name: 'produce-1k-acks1',
    title: '1 KB, acks=1',
    client: { acks: 1 },
    aims: [atLeast(2.5), cpuAtMost(0.4)],
  },
  {
    ...KB,
    name: 'produce-1k-all',
    title: '1 KB, acks=all',
    durable: true,
    client: { acks: 'all' },
    aims: [atLeast(1.3), cpuAtMost(0.6)],
  },
  {
    ...KB,
    name: 'produce-1k-idempotent',
    title: '1 KB, idempotent',
    durable: true,
    client: IDEMPOTENT,
    aims: [atLeast(1.3), cpuAtMost(0.6)],
  },
  {
    ...SMALL,
    name: 'produce-100b-acks1',
    title: '100 B, acks=1',
    client: { acks: 1 },
    aims: [atLeast(1.15)],
  },
  {
    ...SMALL,
    name: 'produce-100b-all',
    title: '100 B, acks=all',
    durable: true,
    client: { acks: 'all' },
    aims: [atLeast(1.15)],
  },
  {
    ...KB,
    messages: 3_000_000,
    name: 'produce-1k-lz4',
    title: '1 KB, lz4, acks=1, one text repeated',
    payload: 'pattern',
    client: { acks: 1, 'compression.codec': 'lz4' },
    aims: [atLeast(2.4)],
  },
  {
    ...KB,
    name: 'produce-1k-lz4-text',
    title: '1 KB, lz4, acks=1, JSON text',
    client: { acks: 1, 'compression.codec': 'lz4' },
    aims: [],
  },
  {
    ...KB,
    name: 'produce-1k-p100-acks1',
    title: '1 KB, acks=1, 100 partitions',
    partitions: 100,
    client: { acks: 1 },
    aims: [],
  },
  {
    ...KB,
    name: 'produce-1k-p100-all',
    title: '1 KB, acks=all, 100 partitions',
    partitions: 100,
    durable: true,
    client: { acks: 'all' },
    aims: [],
  },
]

function load(variant: Variant) {
  const { size, client, partitions = 1, payload = 'text' } = variant
  return { size, client, partitions, payload }
}

/** A client that misses a protocol feature sends uncompressed and says nothing. */
function requireCompressed(dataDir: string, bytes: number): void {
  let stored = 0
  for (const folder of readdirSync(dataDir).filter((name) => name.startsWith('measured-'))) {
    for (const file of readdirSync(join(dataDir, folder)).filter((name) => name.endsWith('.log')))
      stored += statSync(join(dataDir, folder, file)).size
  }
  if (stored > MOST_STORED * bytes) throw new Error(`not compressed: ${stored} bytes stored for ${bytes}`)
}

async function run(variant: Variant, bench: Bench): Promise<Figures> {
  const messages = bench.amount(variant.messages)
  const running = await bench.start()
  const { bootstrap } = running
  await warmed(bench, running, load(variant))
  await bench.createTopic(running, 'measured', variant.partitions)
  const cpuBefore = cpuSeconds(running.pid)
  const produced = await bench.generator.produce({ ...load(variant), bootstrap, topic: 'measured', messages })
  const cpu = cpuSeconds(running.pid) - cpuBefore
  if ('compression.codec' in variant.client) requireCompressed(bench.dataDir, produced.bytes)
  return {
    mbPerSecond: produced.mbPerSecond,
    cpuPerGb: cpu / (produced.bytes / 1e9),
    peakRssMb: peakRssMb(running.pid),
  }
}

async function generatorLimit(variant: Variant, { generator, scale }: Tools): Promise<number> {
  const { partitions, size, payload } = load(variant)
  const sink = await generator.sink({ partitions, size, payload, batch: 100 })
  try {
    const messages = Math.round(variant.messages * scale)
    const { bootstrap } = sink
    return (await generator.produce({ ...load(variant), bootstrap, topic: 'measured', messages })).mbPerSecond
  } finally {
    sink.stop()
  }
}

export const produceWorkloads: readonly Workload[] = VARIANTS.map((variant) => ({
  name: variant.name,
  title: `produce ${variant.title}`,
  aims: variant.aims,
  durable: variant.durable ?? false,
  run: (bench) => run(variant, bench),
  generatorLimit: (tools) => generatorLimit(variant, tools),
}))
