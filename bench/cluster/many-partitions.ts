// Thousands of partitions with three replicas each: created, failed over, come back, and what they cost at rest.
import { setTimeout as delay } from 'node:timers/promises'
import { Wire } from '../peers/wire.js'
import type { Aim, Figures, Workload } from '../workload.js'
import { type ClusterBench, REPLICAS } from './cluster-bench.js'

const PER_TOPIC = 1_000
const IDLE_MS = 3_000

async function run(partitions: number, bench: ClusterBench): Promise<Figures> {
  await bench.start()
  bench.keepFolder()
  const wanted = bench.amount(partitions)
  const topics = Array.from({ length: Math.ceil(wanted / PER_TOPIC) }, (_, index) => `many-${index}`)
  await delay(IDLE_MS)
  const memoryBefore = bench.rssMb()
  const createdAt = performance.now()
  {
    using wire = await Wire.connect(bench.nodes[0]!.port)
    for (const topic of topics) await wire.createTopic(topic, PER_TOPIC, { replicas: REPLICAS })
  }
  await bench.untilInSync(topics)
  const createMs = performance.now() - createdAt

  await delay(IDLE_MS)
  const allRssMb = bench.rssMb()
  const replicaKb = ((allRssMb - memoryBefore) * 1e3) / (topics.length * PER_TOPIC * REPLICAS)
  const cpuBefore = bench.cpuSeconds()
  await delay(IDLE_MS)
  const idleCores = (bench.cpuSeconds() - cpuBefore) / (IDLE_MS / 1000)

  const [victim, ...others] = bench.nodes
  const killedAt = performance.now()
  await victim!.kill()
  await bench.untilAll(others, topics, ({ leader }) => leader >= 0 && leader !== victim!.id)
  const movedMs = performance.now() - killedAt

  const restartedAt = performance.now()
  const restartMs = await victim!.start()
  await bench.untilInSync(topics)
  const inSyncMs = performance.now() - restartedAt
  return { createMs, movedMs, restartMs, inSyncMs, allRssMb, replicaKb, idleCores }
}

const AIMS: readonly Aim[] = [
  { metric: 'createMs', of: 'ratio', bound: 1 },
  { metric: 'movedMs', of: 'ratio', bound: 0.5 },
  { metric: 'restartMs', of: 'ratio', bound: 1 },
  { metric: 'inSyncMs', of: 'ratio', bound: 1 },
  { metric: 'allRssMb', of: 'ratio', bound: 1 },
  { metric: 'replicaKb', of: 'ratio', bound: 1 },
]

export const manyPartitions = (
  name: string,
  partitions: number,
  mostRounds?: number,
): Workload<ClusterBench> => ({
  name,
  ...(mostRounds !== undefined && { mostRounds }),
  title: `${partitions.toLocaleString('en')} partitions with 3 replicas`,
  aims: AIMS,
  run: (bench) => run(partitions, bench),
})
