// Kafka's own consumer performance tool: the Java client in a group, from the page cache.
import { cpuSeconds, peakRssMb } from '../processes.js'
import type { Bench, Figures, Workload } from '../workload.js'
import { atLeast } from './aims.js'
import { filled } from './filled.js'

const SIZE = 1024
const MESSAGES = 1_400_000
const WARM_PASSES = 3

async function run(bench: Bench): Promise<Figures> {
  const messages = bench.amount(MESSAGES)
  const running = await bench.start()
  const { bootstrap, pid } = running
  await filled(bench, running, { topic: 'stored', messages, size: SIZE })
  const options = { bootstrap, topic: 'stored', messages, partitions: 1 }
  for (let pass = 0; pass < WARM_PASSES; pass++) await bench.generator.consume(options)
  const cpuBefore = cpuSeconds(pid)
  const consumed = await bench.java.consume(options)
  return {
    mbPerSecond: consumed.mbPerSecond,
    cpuPerGb: (cpuSeconds(pid) - cpuBefore) / ((consumed.messages * SIZE) / 1e9),
    peakRssMb: peakRssMb(pid),
  }
}

export const javaConsume: Workload = {
  name: 'java-consume-1k',
  title: 'consume with kafka-consumer-perf-test 1 KB from the page cache',
  aims: [atLeast(1)],
  needsJava: true,
  run,
}
