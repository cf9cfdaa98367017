// Three nodes of Apache Kafka, each broker and controller in one process, with the stock settings.
import { join } from 'node:path'
import { NodeProcess, startAll } from './cluster-node.js'
import { type ClusterPeer, NODE_IDS, type RunningCluster } from './cluster-peer.js'
import { formatKafka, KAFKA_HEAP, type KafkaNode, spawnKafka } from './kafka.js'
import { freePorts } from './started.js'

export class KafkaCluster implements ClusterPeer {
  readonly name: string
  readonly settings =
    `three nodes of Apache Kafka 4.3.1 (KRaft, broker and controller in one), stock server.properties, ` +
    `${KAFKA_HEAP.join(' ')}; acks=all answers from the page caches`
  readonly acksAllOnDisk = false
  readonly cachedWrites = {}
  readonly #classPath: string

  constructor(classPath: string, name = 'kafka') {
    this.#classPath = classPath
    this.name = name
  }

  async start(folder: string): Promise<RunningCluster> {
    const ports = await freePorts(2 * NODE_IDS.length)
    const places: KafkaNode[] = NODE_IDS.map((id, index) => ({
      id,
      port: ports[index]!,
      controllerPort: ports[NODE_IDS.length + index]!,
      dataDir: join(folder, `node-${id}`),
    }))
    for (const place of places) formatKafka(this.#classPath, place, places)
    const nodes = places.map(
      (place) => new NodeProcess(place, () => spawnKafka(this.#classPath, place, places)),
    )
    const end = async () => void (await Promise.all(nodes.map((node) => node.kill())))
    await startAll(nodes, end)
    return { nodes, otherPids: [], end }
  }
}
