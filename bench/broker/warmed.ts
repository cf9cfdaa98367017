// Warms a broker up with the load that will be measured: a JVM compiles what runs often, and is several times slower
// before. The same volume for every peer, in parts whose pages are on disk before the next begins.
import type { ProduceOptions } from '../load/generator.js'
import type { RunningPeer } from '../peers/peer.js'
import type { Bench } from '../workload.js'

/** Kafka's rate stops rising after about this much of 1 KB records. */
const WARM_BYTES = 2.4e9
/** Slow loads (100 partitions, 100 B) are warm by time. */
const ENOUGH_SECONDS = 6
const PARTS = 6

export async function warmed(
  bench: Bench,
  running: RunningPeer,
  load: Omit<ProduceOptions, 'bootstrap' | 'topic' | 'messages'>,
): Promise<void> {
  const messages = bench.amount(WARM_BYTES / PARTS / load.size)
  let seconds = 0
  for (let part = 0; part < PARTS && seconds < ENOUGH_SECONDS; part++) {
    const topic = `warm-${part}`
    await bench.createTopic(running, topic, load.partitions)
    const produced = await bench.generator.produce({ ...load, bootstrap: running.bootstrap, topic, messages })
    seconds += produced.seconds
    await bench.forgetTopic(running, topic)
  }
}
