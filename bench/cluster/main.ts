// `bench -- cluster`: three Odradek brokers beside three nodes of Apache Kafka.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Generator } from '../load/generator.js'
import { chosenByName, roundsOf, UsageError } from '../options.js'
import type { ClusterPeer } from '../peers/cluster-peer.js'
import { kafkaClassPath } from '../peers/java.js'
import { KafkaCluster } from '../peers/kafka-cluster.js'
import { OdradekCluster } from '../peers/odradek-cluster.js'
import { runRounds } from '../rounds.js'
import { table, verdicts } from '../table.js'
import { Tools } from '../workload.js'
import { ClusterBench } from './cluster-bench.js'
import { clusterStages } from './list.js'

const QUICK_SCALE = 0.1
const ROUNDS = 2

function peersNamed(names: string, root: string): ClusterPeer[] {
  const list = names.split(',')
  if (list.length > 2) throw new UsageError('--peers takes one or two names')
  return list.map((name, index) => {
    const label = list.indexOf(name) < index ? `${name}-again` : name
    if (name === 'odradek') return new OdradekCluster(root, label)
    if (name === 'kafka') return new KafkaCluster(kafkaClassPath(root), label)
    throw new UsageError(`no peer ${name}: odradek or kafka`)
  })
}

export async function benchCluster(args: readonly string[], root: string): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string', default: 'odradek,kafka' },
      quick: { type: 'boolean', default: false },
      folder: { type: 'string' },
      'fresh-memory': { type: 'boolean', default: false },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.list) {
    for (const { name, title } of clusterStages.flat()) process.stdout.write(`${name.padEnd(24)}${title}\n`)
    return 0
  }
  const rounds = roundsOf(values.rounds, values.quick ? 1 : ROUNDS)
  const workloads = chosenByName(clusterStages.flat(), values.only)
  const stages = clusterStages
    .map((stage) => stage.filter((workload) => workloads.includes(workload)))
    .filter((stage) => stage.length > 0)
  const progress = (text: string) => process.stderr.write(`${text}\n`)
  const peers = peersNamed(values.peers, root)

  const cache = join(root, '.cache', 'bench')
  const generator = Generator.build(join(root, 'bench', 'load'), cache)
  const parent = values.folder === undefined ? cache : resolve(values.folder)
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'run-'))
  // Also when the run is interrupted.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const scale = values.quick ? QUICK_SCALE : 1
  const recycleMemory = !values['fresh-memory']
  const tools = new Tools({ generator, java: undefined, scale, folder, recycleMemory })
  if (recycleMemory) progress('filling memory with page cache (see bench/README.md)')
  const results = await runRounds({
    stages,
    peers,
    rounds,
    tools,
    progress,
    bench: (shared, peer: ClusterPeer) => new ClusterBench(shared, peer),
  })
  process.stdout.write(table(results, workloads))
  if (values.json !== undefined) {
    const judged = { ...results, verdicts: verdicts(results, workloads) }
    writeFileSync(values.json, `${JSON.stringify(judged, null, 2)}\n`)
  }
  return results.measurements.some(({ error }) => error !== undefined) ? 1 : 0
}
