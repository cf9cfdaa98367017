// Results as text: a block for each workload, a line for each store with the embedded log's ratio to it.
import { machineText } from '../machine.js'
import { ratios, type Spread, spread } from '../statistics.js'
import { aligned, othersText, spreadText } from '../text.js'
import type { EmbeddedResults } from './run.js'
import type { PeerName } from './store.js'
import { type Aim, METRICS, type Metric, type Workload } from './workloads.js'

const OWN: PeerName = 'odradek'
const RATIO_DIGITS = 2

export interface Verdict {
  readonly workload: string
  readonly against: PeerName
  readonly bound: number
  readonly value: number
  readonly outcome: 'met' | 'short'
}

function byRound(results: EmbeddedResults, workload: Workload, peer: PeerName, metric: Metric) {
  return Array.from({ length: results.rounds }, (_, index) => {
    const found = results.measurements.find(
      (each) => each.workload === workload.name && each.peer === peer && each.round === index + 1,
    )
    return found?.figures?.[metric]
  })
}

/** Records a second of the embedded log by those of another store. */
function ratioTo(results: EmbeddedResults, workload: Workload, peer: PeerName): Spread | undefined {
  const of = (name: PeerName) => byRound(results, workload, name, 'recordsPerSecond')
  return peer === OWN ? undefined : spread(ratios(of(OWN), of(peer)))
}

export function verdicts(results: EmbeddedResults, workloads: readonly Workload[]): Verdict[] {
  return workloads.flatMap((workload) =>
    workload.aims.flatMap((aim: Aim) => {
      const value = ratioTo(results, workload, aim.against)?.median
      if (value === undefined) return []
      const outcome = value >= aim.bound ? 'met' : 'short'
      return [{ workload: workload.name, against: aim.against, bound: aim.bound, value, outcome } as const]
    }),
  )
}

function block(results: EmbeddedResults, workload: Workload, judged: readonly Verdict[]): string {
  const peers = results.peers.map(({ name }) => name).filter((name) => workload.peers.includes(name))
  const figures = (peer: PeerName, metric: Metric) =>
    spread(byRound(results, workload, peer, metric).filter((value) => value !== undefined))
  const metrics = (Object.keys(METRICS) as Metric[]).filter((metric) =>
    peers.some((peer) => figures(peer, metric) !== undefined),
  )
  const header = ['', ...metrics.map((metric) => METRICS[metric].title), `${OWN} / it`, 'aim']
  const rows = peers.map((peer) => {
    const ratio = ratioTo(results, workload, peer)
    const verdict = judged.find((each) => each.workload === workload.name && each.against === peer)
    return [
      peer,
      ...metrics.map((metric) => spreadText(figures(peer, metric), METRICS[metric].digits)),
      ratio ? spreadText(ratio, RATIO_DIGITS) : '',
      verdict ? `≥ ${verdict.bound}  ${verdict.outcome}` : '',
    ]
  })
  const failures = results.measurements
    .filter((each) => each.workload === workload.name && each.error !== undefined)
    .map((each) => `  ${each.peer}, round ${each.round}, failed: ${each.error}`)
  return [`${workload.title}  [${workload.name}]`, aligned([header, ...rows]), ...failures].join('\n')
}

export function embeddedTable(results: EmbeddedResults, workloads: readonly Workload[]): string {
  const judged = verdicts(results, workloads)
  const head = [
    `${machineText(results.machine)}, ${results.rounds} round(s)` +
      (results.scale === 1 ? '' : `, amounts × ${results.scale}`),
    ...results.peers.map(
      ({ name, version, settings }) => `${version ? `${name} ${version}` : name}: ${settings}`,
    ),
    'median (least–most); ratios are of records/s, taken within a round',
    ...othersText(spread(results.measurements.flatMap(({ othersCores }) => othersCores ?? []))),
  ].join('\n')
  return `${[head, ...workloads.map((workload) => block(results, workload, judged))].join('\n\n')}\n`
}
