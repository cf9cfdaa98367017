// Three Odradek brokers and the etcd that they share, each a process of its own, with default settings.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ChildProcesses } from '../processes.js'
import { NodeProcess, startAll } from './cluster-node.js'
import { type ClusterPeer, NODE_IDS, type RunningCluster } from './cluster-peer.js'
import { odradekProgram } from './odradek.js'
import { freePorts } from './started.js'

const ETCD_TIMEOUT_MS = 30_000

export class OdradekCluster implements ClusterPeer {
  readonly name: string
  readonly settings =
    'three brokers and one etcd, default settings; acks=all answers after fdatasync at all three'
  readonly acksAllOnDisk = true
  readonly cachedWrites = { 'write.caching': 'true' }
  readonly #program: string

  constructor(root: string, name = 'odradek') {
    this.name = name
    this.#program = odradekProgram(root)
  }

  async start(folder: string): Promise<RunningCluster> {
    mkdirSync(folder, { recursive: true })
    const [clientPort, peerPort, ...ports] = (await freePorts(2 + NODE_IDS.length)) as [number, number]
    const etcd = await startedEtcd(join(folder, 'etcd'), clientPort, peerPort)
    const nodes = NODE_IDS.map((id, index) => {
      const place = { id, port: (ports as number[])[index]!, dataDir: join(folder, `node-${id}`) }
      const args = [
        ...[this.#program, 'serve', '--port', String(place.port), '--data', place.dataDir],
        ...['--override', `node.id=${id}`, '--override', `etcd.endpoints=127.0.0.1:${clientPort}`],
      ]
      return new NodeProcess(place, () =>
        spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }),
      )
    })
    const end = async () => {
      await Promise.all(nodes.map((node) => node.kill()))
      await etcd.kill()
    }
    await startAll(nodes, end)
    return { nodes, otherPids: [etcd.pid], end }
  }
}

async function startedEtcd(
  folder: string,
  clientPort: number,
  peerPort: number,
): Promise<{ pid: number; kill(): Promise<void> }> {
  const client = `http://127.0.0.1:${clientPort}`
  const peer = `http://127.0.0.1:${peerPort}`
  const child = ChildProcesses.add(
    spawn(
      'etcd',
      [
        ['--data-dir', folder, '--name', 'bench', '--log-level', 'error'],
        ['--listen-client-urls', client, '--advertise-client-urls', client],
        ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ['--initial-cluster', `bench=${peer}`],
      ].flat(),
      { stdio: 'ignore' },
    ),
  )
  let failure: string | undefined
  child.once('error', ({ message }) => (failure = `etcd does not start (Debian: etcd-server): ${message}`))
  const ended = new Promise<void>((done) => child.once('close', () => done()))
  const giveUpAt = performance.now() + ETCD_TIMEOUT_MS
  for (;;) {
    const health = await fetch(`${client}/health`).then(
      (answer) => answer.text(),
      () => '',
    )
    if (health.includes('true')) break
    if (child.exitCode !== null) failure ??= `etcd ended with ${child.exitCode}`
    if (performance.now() > giveUpAt) failure ??= 'etcd is not healthy'
    if (failure !== undefined) {
      child.kill('SIGKILL')
      throw new Error(failure)
    }
    await delay(20)
  }
  return {
    pid: child.pid!,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
