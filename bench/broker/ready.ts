// From the start of the process to the first answer, and what the broker then holds in memory when nothing happens.
import { spawnSync } from 'node:child_process'
import { memory } from '../processes.js'
import type { Bench, Figures, Workload } from '../workload.js'

const IDLE_MS = 3000
const NODE_RUNS = 5

/** What this machine needs to start Node itself. */
function nodeMs(): number {
  const times = Array.from({ length: NODE_RUNS }, () => {
    const startedAt = performance.now()
    spawnSync(process.execPath, ['-e', '0'])
    return performance.now() - startedAt
  })
  return times.sort((a, b) => a - b)[Math.floor(NODE_RUNS / 2)]!
}

async function run(bench: Bench): Promise<Figures> {
  const node = nodeMs()
  // The first start makes the data folder's files; the second is what a restart costs.
  await bench.start()
  await bench.stop()
  const running = await bench.start()
  await new Promise((wake) => setTimeout(wake, IDLE_MS))
  const { rssMb, pssMb } = memory(running.pid)
  return { readyMs: running.readyMs, nodeMs: node, idleRssMb: rssMb, idlePssMb: pssMb }
}

export const ready: Workload = {
  name: 'ready',
  title: 'start and idle',
  aims: [
    { metric: 'readyMs', of: 'figure', bound: ({ nodeMs: node = 0 }) => 2 * node + 60 },
    { metric: 'idleRssMb', of: 'figure', bound: 80 },
  ],
  run,
}
