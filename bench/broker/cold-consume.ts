// Consuming 4 GB that the page cache has lost, while another producer's acks are timed: a broker whose event loop or
// threads wait for the disk shows it there.
import { cpuSeconds } from '../processes.js'
import type { Bench, Figures, Workload } from '../workload.js'
import { atLeast } from './aims.js'
import { filled } from './filled.js'

const SIZE = 1024
const MESSAGES = 4_000_000
const OTHER = { rate: 1000, size: 1024, warm: 500, client: { acks: 1, 'linger.ms': 0 } }
const QUIET_MS = 3000
const MOST_RESIDENT = 0.02

async function run(bench: Bench): Promise<Figures> {
  const messages = bench.amount(MESSAGES)
  const running = await bench.start()
  const { bootstrap, pid } = running
  await filled(bench, running, { topic: 'stored', messages, size: SIZE })
  await bench.createTopic(running, 'other')

  const before = bench.generator.paced({ ...OTHER, bootstrap, topic: 'other' })
  await new Promise((wake) => setTimeout(wake, QUIET_MS))
  const quiet = await before.stop()

  const evicted = await bench.generator.evict(running.dataDir)
  if (evicted.residentBytes > MOST_RESIDENT * evicted.bytes)
    throw new Error(`the page cache kept ${evicted.residentBytes} of ${evicted.bytes} bytes`)

  const during = bench.generator.paced({ ...OTHER, warm: 0, bootstrap, topic: 'other' })
  const cpuBefore = cpuSeconds(pid)
  const consumed = await bench.generator.consume({ bootstrap, topic: 'stored', messages, partitions: 1 })
  const cpu = cpuSeconds(pid) - cpuBefore
  const acks = await during.stop()
  return {
    mbPerSecond: consumed.mbPerSecond,
    cpuPerGb: cpu / (consumed.bytes / 1e9),
    quietP99: quiet.p99,
    ackP50: acks.p50,
    ackP99: acks.p99,
    ackP999: acks.p999,
  }
}

export const coldConsume: Workload = {
  name: 'consume-cold',
  title: 'consume 4 GB that the page cache has lost; another producer (1,000/s, acks=1) is timed',
  aims: [atLeast(1)],
  run,
}
