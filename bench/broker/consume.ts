// Consuming a topic that the page cache holds, with the librdkafka load generator.
import { cpuSeconds, peakRssMb } from '../processes.js'
import type { Bench, Figures, Tools, Workload } from '../workload.js'
import { atLeast, cpuAtMost } from './aims.js'
import { filled } from './filled.js'

const SIZE = 1024
const MESSAGES = 1_400_000
const WARM_PASSES = 3
const BATCH_MESSAGES = 976

async function run(bench: Bench): Promise<Figures> {
  const messages = bench.amount(MESSAGES)
  const running = await bench.start()
  await filled(bench, running, { topic: 'stored', messages, size: SIZE })
  const options = { bootstrap: running.bootstrap, topic: 'stored', messages, partitions: 1 }
  for (let pass = 0; pass < WARM_PASSES; pass++) await bench.generator.consume(options)
  const cpuBefore = cpuSeconds(running.pid)
  const consumed = await bench.generator.consume(options)
  return {
    mbPerSecond: consumed.mbPerSecond,
    cpuPerGb: (cpuSeconds(running.pid) - cpuBefore) / (consumed.bytes / 1e9),
    peakRssMb: peakRssMb(running.pid),
  }
}

async function generatorLimit({ generator, scale }: Tools): Promise<number> {
  const sink = await generator.sink({ partitions: 1, size: SIZE, payload: 'text', batch: BATCH_MESSAGES })
  try {
    const messages = Math.round(MESSAGES * scale)
    return (await generator.consume({ bootstrap: sink.bootstrap, topic: 'stored', messages, partitions: 1 }))
      .mbPerSecond
  } finally {
    sink.stop()
  }
}

export const consume: Workload = {
  name: 'consume-1k',
  title: 'consume 1 KB from the page cache',
  aims: [atLeast(1), cpuAtMost(1)],
  run,
  generatorLimit,
}
