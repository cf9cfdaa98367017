// kill -9 in the middle of a load, then the time from the restart until the topic has a leader again.
import type { Bench, Figures, Workload } from '../workload.js'

const SIZE = 1024
const MESSAGES = 1_000_000

async function run(bench: Bench): Promise<Figures> {
  const running = await bench.start()
  const { bootstrap } = running
  await bench.createTopic(running, 'killed')
  const messages = bench.amount(MESSAGES)
  const load = { size: SIZE, partitions: 1, payload: 'text' as const, bootstrap, topic: 'killed' }
  await bench.generator.produce({ ...load, messages, client: { acks: 'all' } })
  // The second load is cut off: that it fails is what is wanted of it.
  const client = { acks: 'all', 'message.timeout.ms': 2000 }
  const cut = bench.generator.produce({ ...load, messages: messages * 10, client }).catch(() => {})
  await new Promise((wake) => setTimeout(wake, 300))
  await bench.kill()
  await cut
  return { readyMs: (await bench.start('killed')).readyMs }
}

export const crash: Workload = {
  name: 'crash',
  title: 'kill -9 under load, then ready',
  aims: [{ metric: 'readyMs', of: 'figure', bound: 300 }],
  run,
}
