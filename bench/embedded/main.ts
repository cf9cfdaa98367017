// `bench -- embedded`: the embedded log beside other stores of a Node program.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chosenByName, roundsOf, UsageError } from '../options.js'
import { ensurePeer } from './install.js'
import { runEmbedded } from './run.js'
import { type PeerName, peers } from './store.js'
import { embeddedTable, verdicts } from './table.js'
import { embeddedWorkloads } from './workloads.js'

const QUICK_SCALE = 0.1
const ROUNDS = 3

export async function benchEmbedded(args: readonly string[], root: string): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string', default: peers.join(',') },
      quick: { type: 'boolean', default: false },
      folder: { type: 'string' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.list) {
    for (const { name, title } of embeddedWorkloads) process.stdout.write(`${name.padEnd(24)}${title}\n`)
    return 0
  }
  const rounds = roundsOf(values.rounds, values.quick ? 1 : ROUNDS)
  const workloads = chosenByName(embeddedWorkloads, values.only)
  const progress = (text: string) => process.stderr.write(`${text}\n`)
  const present = await installed(peersNamed(values.peers), progress)

  const parent = values.folder === undefined ? join(root, '.cache', 'bench') : resolve(values.folder)
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'run-'))
  // Also when the run is interrupted.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const scale = values.quick ? QUICK_SCALE : 1
  const results = await runEmbedded({ workloads, peers: present, rounds, scale, folder, progress })
  process.stdout.write(embeddedTable(results, workloads))
  if (values.json !== undefined) {
    const judged = { ...results, verdicts: verdicts(results, workloads) }
    writeFileSync(values.json, `${JSON.stringify(judged, null, 2)}\n`)
  }
  return results.measurements.some(({ error }) => error !== undefined) ? 1 : 0
}

function peersNamed(names: string): PeerName[] {
  return names.split(',').map((name) => {
    const known = peers.find((peer) => peer === name)
    if (known === undefined) throw new UsageError(`no peer ${name}: ${peers.join(', ')}`)
    return known
  })
}

/** Those that are there or could be installed; the others are named and left out. */
async function installed(wanted: readonly PeerName[], progress: (text: string) => void): Promise<PeerName[]> {
  const present: PeerName[] = []
  for (const peer of wanted) {
    try {
      await ensurePeer(peer, progress)
      present.push(peer)
    } catch (error) {
      progress(`${peer} left out: ${(error as Error).message}`)
    }
  }
  return present
}
