// Apache Kafka as it comes: broker and controller in one process, the stock server.properties, and the JVM options
// of its start script.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { QUIET_LOGGING } from './java.js'
import type { Peer, RunningPeer } from './peer.js'
import { freePorts, startedPeer } from './started.js'

export const KAFKA_HEAP = ['-Xmx1G', '-Xms1G']
const JVM = [
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:MaxInlineLevel=15',
  '-Djava.awt.headless=true',
]
const CLUSTER_ID = 'b2RyYWRlay1iZW5jaG1hcg'

/** A broker and controller in one process. */
export interface KafkaNode {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly dataDir: string
}

/** The stock server.properties for one of `nodes`, which form a cluster. */
function properties({ id, port, controllerPort, dataDir }: KafkaNode, nodes: readonly KafkaNode[]): string {
  const voters = nodes.map((node) => `${node.id}@127.0.0.1:${node.controllerPort}`)
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'num.network.threads': 3,
    'num.io.threads': 8,
    'socket.send.buffer.bytes': 102400,
    'socket.receive.buffer.bytes': 102400,
    'socket.request.max.bytes': 104857600,
    'log.dirs': dataDir,
    'num.partitions': 1,
    'num.recovery.threads.per.data.dir': 2,
    'offsets.topic.replication.factor': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'log.retention.hours': 168,
    'log.segment.bytes': 1073741824,
    'log.retention.check.interval.ms': 300000,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Makes a node's folder ready for its first start, and writes its properties beside it. */
export function formatKafka(classPath: string, node: KafkaNode, nodes: readonly KafkaNode[]): void {
  mkdirSync(node.dataDir, { recursive: true })
  const file = writeProperties(node, nodes)
  const args = ['-Xmx128m', QUIET_LOGGING, '-cp', classPath, 'kafka.tools.StorageTool']
  const result = spawnSync('java', [...args, 'format', '-t', CLUSTER_ID, '-c', file], { encoding: 'utf8' })
  if (result.status !== 0 || !existsSync(join(node.dataDir, 'meta.properties')))
    throw new Error(`Kafka's storage tool failed: ${result.stdout}${result.stderr}`)
}

export function spawnKafka(classPath: string, node: KafkaNode, nodes: readonly KafkaNode[]): ChildProcess {
  const file = writeProperties(node, nodes)
  const args = [...KAFKA_HEAP, ...JVM, QUIET_LOGGING, '-cp', classPath, 'kafka.Kafka', file]
  return spawn('java', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function writeProperties(node: KafkaNode, nodes: readonly KafkaNode[]): string {
  const file = `${node.dataDir}.properties`
  writeFileSync(file, properties(node, nodes))
  return file
}

export class Kafka implements Peer {
  readonly name: string
  readonly settings =
    `Apache Kafka 4.3.1, stock server.properties, ${KAFKA_HEAP.join(' ')}; acks=all answers from the page cache`
  readonly acksAllOnDisk = false
  readonly #classPath: string

  constructor(classPath: string, name = 'kafka') {
    this.#classPath = classPath
    this.name = name
  }

  async prepare(dataDir: string): Promise<void> {
    const node = { id: 1, port: 1, controllerPort: 2, dataDir }
    formatKafka(this.#classPath, node, [node])
  }

  async start(dataDir: string, topic?: string): Promise<RunningPeer> {
    const [port, controllerPort] = (await freePorts(2)) as [number, number]
    const node = { id: 1, port, controllerPort, dataDir }
    return startedPeer(() => spawnKafka(this.#classPath, node, [node]), port, dataDir, { topic })
  }
}
