// Brokers that go: how long a producer with acks=all waits for its next answer.
import { setTimeout as delay } from 'node:timers/promises'
import { spread } from '../statistics.js'
import type { Aim, Figures, Workload } from '../workload.js'
import type { ClusterBench } from './cluster-bench.js'
import { Probe } from './probe.js'

const TOPIC = 'probed'
/** The others change their leaders together with the one that is probed. */
const PARTITIONS = 6
/** Between a broker's return and the next one's going. */
const REST_MS = 1_000

interface Variant {
  readonly name: string
  readonly title: string
  readonly times: number
  readonly aims: readonly Aim[]
  readonly isGradual?: boolean
  /** Takes a broker away, and resolves when it is away; the result brings it back. */
  harm(bench: ClusterBench, leader: number): Promise<() => Promise<void>>
}

const halfOfKafka: Aim = { metric: 'answeredMs', of: 'ratio', bound: 0.5 }
const within = (bound: number): Aim => ({ metric: 'answeredMs', of: 'figure', bound })

async function killed(bench: ClusterBench, id: number): Promise<() => Promise<void>> {
  const node = bench.node(id)
  await node.kill()
  return async () => void (await node.start())
}

const VARIANTS: readonly Variant[] = [
  {
    name: 'kill-leader',
    title: 'kill -9 of the leader',
    times: 3,
    aims: [halfOfKafka, within(1500)],
    harm: killed,
  },
  {
    name: 'kill-follower',
    title: 'kill -9 of a follower',
    times: 2,
    aims: [halfOfKafka, within(1500)],
    harm: (bench, leader) => killed(bench, bench.nodes.find(({ id }) => id !== leader)!.id),
  },
  {
    name: 'stop-leader',
    title: 'stop of the leader by SIGTERM',
    times: 3,
    isGradual: true,
    aims: [{ metric: 'slowestAckMs', of: 'figure', bound: 200 }],
    async harm(bench, leader) {
      const node = bench.node(leader)
      await node.stop()
      return async () => void (await node.start())
    },
  },
  {
    name: 'pause-leader',
    title: 'SIGSTOP of the leader: a host that falls silent',
    times: 1,
    aims: [halfOfKafka, within(6000)],
    async harm(bench, leader) {
      const { pid } = bench.node(leader)
      process.kill(pid!, 'SIGSTOP')
      return async () => void process.kill(pid!, 'SIGCONT')
    },
  },
]

async function run({ times, isGradual = false, harm }: Variant, bench: ClusterBench): Promise<Figures> {
  if (await bench.start()) await bench.createTopic(TOPIC, PARTITIONS)
  const answered: number[] = []
  const slowest: number[] = []
  for (let time = 0; time < times; time++) {
    const probe = await Probe.start(bench.nodes, TOPIC)
    try {
      await delay(REST_MS)
      const startedAt = performance.now()
      const comeBack = await harm(bench, probe.leader)
      answered.push(await probe.answeredSince(startedAt))
      slowest.push(probe.slowestSince(startedAt))
      await comeBack()
      await bench.untilInSync([TOPIC])
    } finally {
      await probe.stop()
    }
  }
  // While it stops, a broker still answers.
  if (isGradual) return { slowestAckMs: Math.max(...slowest) }
  return { answeredMs: spread(answered)!.median, answeredMostMs: Math.max(...answered) }
}

export const failover: readonly Workload<ClusterBench>[] = VARIANTS.map((variant) => ({
  name: variant.name,
  title: variant.title,
  aims: variant.aims,
  run: (bench) => run(variant, bench),
}))
