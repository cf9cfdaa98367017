// Results as text: per workload and figure each peer's median (least–most), the ratio, the aim and whether it was met.
import { machineText } from './machine.js'
import type { Measurement, Results } from './rounds.js'
import { ratios, type Spread, spread } from './statistics.js'
import { aligned, othersText, spreadText } from './text.js'
import { type Aim, type Figures, METRICS, type Metric, type Titled } from './workload.js'

/** Near enough to a limit that binds both brokers: there the ratio says nothing any more. */
const NEAR_LIMIT = 0.9
const RATIO_DIGITS = 2

interface Limit {
  readonly name: string
  readonly mbPerSecond: Spread
}

/** What bounds the first peer on this workload: the client, and the disk where it must answer from there. */
function limitsOf(results: Results, workload: Titled): Limit[] {
  const limits: Limit[] = []
  const rounds = results.limits[workload.name] ?? []
  const generator = spread(rounds.flatMap((limit) => limit.generator ?? []))
  if (generator) limits.push({ name: 'load generator', mbPerSecond: generator })
  const disk = spread(rounds.flatMap((limit) => limit.disk ?? []))
  if (disk && results.peers[0]?.acksAllOnDisk) limits.push({ name: 'disk', mbPerSecond: disk })
  return limits
}

export interface Verdict {
  readonly workload: string
  readonly metric: Metric
  readonly bound: number
  readonly value: number
  readonly outcome: 'met' | 'at the limit' | 'short'
  readonly limit?: string
}

interface Column {
  readonly peer: string
  readonly byRound: readonly (Figures | undefined)[]
}

function columns(results: Results, workload: Titled): Column[] {
  const found = (peer: string, round: number) =>
    results.measurements.find(
      (each: Measurement) => each.workload === workload.name && each.peer === peer && each.round === round,
    )?.figures
  return results.peers.map(({ name }) => ({
    peer: name,
    byRound: Array.from({ length: results.rounds }, (_, index) => found(name, index + 1)),
  }))
}

const valuesOf = (column: Column | undefined, metric: Metric) =>
  column?.byRound.map((figures) => figures?.[metric]) ?? []

const measured = (column: Column | undefined, metric: Metric) =>
  spread(valuesOf(column, metric).filter((value) => value !== undefined))

function judge(results: Results, workload: Titled, aim: Aim): Verdict | undefined {
  const [first, second] = columns(results, workload)
  const own = measured(first, aim.metric)
  const value =
    aim.of === 'figure'
      ? own?.median
      : spread(ratios(valuesOf(first, aim.metric), valuesOf(second, aim.metric)))?.median
  if (own === undefined || value === undefined) return undefined
  const medians = Object.fromEntries(
    (Object.keys(METRICS) as Metric[]).map((metric) => [metric, measured(first, metric)?.median]),
  ) as Figures
  const bound = typeof aim.bound === 'number' ? aim.bound : aim.bound(medians)
  const verdict = { workload: workload.name, metric: aim.metric, bound, value }
  if (METRICS[aim.metric].better === 'higher' ? value >= bound : value <= bound)
    return { ...verdict, outcome: 'met' }
  const near =
    aim.metric === 'mbPerSecond'
      ? limitsOf(results, workload).find(({ mbPerSecond }) => own.median >= NEAR_LIMIT * mbPerSecond.median)
      : undefined
  return near ? { ...verdict, outcome: 'at the limit', limit: near.name } : { ...verdict, outcome: 'short' }
}

export function verdicts(results: Results, workloads: readonly Titled[]): Verdict[] {
  return workloads.flatMap((workload) => workload.aims.flatMap((aim) => judge(results, workload, aim) ?? []))
}

function aimText(verdict: Verdict | undefined): string {
  if (verdict === undefined) return ''
  const { better, digits } = METRICS[verdict.metric]
  const shown = verdict.bound < 10 ? verdict.bound.toFixed(RATIO_DIGITS) : verdict.bound.toFixed(digits)
  const outcome = verdict.limit === undefined ? verdict.outcome : `${verdict.outcome} (${verdict.limit})`
  return `${better === 'higher' ? '≥' : '≤'} ${shown}  ${outcome}`
}

function block(results: Results, workload: Titled): string {
  const all = columns(results, workload)
  const [first, second] = all
  const named = verdicts(results, [workload])
  const title = `${workload.title}  [${workload.name}]`
  const failures = results.measurements
    .filter((each) => each.workload === workload.name && each.error !== undefined)
    .map((each) => `  ${each.peer}, round ${each.round}, failed: ${each.error}`)
  const metrics = (Object.keys(METRICS) as Metric[]).filter((metric) =>
    all.some((column) => valuesOf(column, metric).some((value) => value !== undefined)),
  )
  const header = ['', ...all.map(({ peer }) => peer)]
  if (second) header.push(`${first!.peer} / ${second.peer}`)
  const rows = metrics.map((metric) => {
    const row = [
      METRICS[metric].title,
      ...all.map((column) => spreadText(measured(column, metric), METRICS[metric].digits)),
    ]
    if (second) {
      const ratio = spread(ratios(valuesOf(first, metric), valuesOf(second, metric)))
      row.push(spreadText(ratio, RATIO_DIGITS))
    }
    return [...row, aimText(named.find((verdict) => verdict.metric === metric))]
  })
  const limits = limitsOf(results, workload).map(
    ({ name, mbPerSecond }) => `  limit of the ${name}: ${spreadText(mbPerSecond, 0)} MB/s`,
  )
  const table = rows.length > 0 ? [aligned([[...header, second ? 'aim' : ''], ...rows])] : []
  return [title, ...table, ...limits, ...failures].join('\n')
}

function diskText(results: Results): string[] {
  const line = (title: string, values: readonly number[], digits: number, unit: string) =>
    `  ${title}: ${spreadText(spread(values), digits)} ${unit}`
  if (results.disk.length === 0) return []
  return [
    [
      'disk, one sequential writer',
      line(
        'one fdatasync at the end',
        results.disk.map((each) => each.syncOnceMbPerSecond),
        0,
        'MB/s',
      ),
      line(
        'fdatasync without a pause beside it',
        results.disk.map((each) => each.groupedMbPerSecond),
        0,
        'MB/s',
      ),
      line(
        '4 KB + fdatasync, p50',
        results.disk.map((each) => each.sync4k.p50),
        3,
        'ms',
      ),
      line(
        '4 KB + fdatasync, p99',
        results.disk.map((each) => each.sync4k.p99),
        3,
        'ms',
      ),
    ].join('\n'),
  ]
}

export function table(results: Results, workloads: readonly Titled[]): string {
  const { machine } = results
  const head = [
    `${machineText(machine)}, ${results.rounds} round(s)` +
      (results.scale === 1 ? '' : `, amounts × ${results.scale}`),
    ...results.peers.map(({ name, settings }) => `${name}: ${settings}`),
    'median (least–most); ratios are taken within a round',
    ...othersText(spread(results.measurements.flatMap(({ othersCores }) => othersCores ?? []))),
  ].join('\n')
  return `${[head, ...diskText(results), ...workloads.map((workload) => block(results, workload))].join('\n\n')}\n`
}
