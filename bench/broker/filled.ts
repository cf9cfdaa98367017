// Fills a topic for workloads that read: in parts of at most 1.4 GB with a pause after each, so that no part runs into
// the kernel's throttling of writers.
import type { RunningPeer } from '../peers/peer.js'
import type { Bench } from '../workload.js'

const PART_BYTES = 1.4e9

export async function filled(
  bench: Bench,
  running: RunningPeer,
  { topic, messages, size }: { topic: string; messages: number; size: number },
): Promise<void> {
  await bench.createTopic(running, topic)
  const part = Math.floor(PART_BYTES / size)
  for (let done = 0; done < messages; done += part) {
    await bench.generator.produce({
      bootstrap: running.bootstrap,
      topic,
      messages: Math.min(part, messages - done),
      size,
      partitions: 1,
      payload: 'text',
      client: { acks: 1 },
    })
    await bench.tools.settle()
  }
}
