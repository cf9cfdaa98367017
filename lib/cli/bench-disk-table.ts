/** The disk benchmark's results as text: one table a section, the engine beside the raw limit. */

import type { Report, SectionName, Series } from '../disk-benchmark/index.js'
import { describedMachine, latencyTitle, numberText, sectionTitles, xText } from '../disk-benchmark/words.js'
import { textTable } from './text-table.js'

export function benchDiskTable(report: Report): string {
  const parts = [
    `${describedMachine(report).join('\n')}\n`,
    ...sectionTitles.map((each) => section(report, each)),
  ]
  if (report.latencies.length > 0) parts.splice(parts.length - 2, 0, latencies(report))
  if (report.notes.length > 0) parts.push(`${report.notes.join('\n')}\n`)
  return parts.filter((part) => part !== '').join('\n')
}

function section(report: Report, { name, title }: { name: SectionName; title: string }): string {
  const comparisons = report.comparisons.filter((each) => each.section === name)
  if (comparisons.length === 0) return ''
  const rows = comparisons.map(({ x, line, unit, engine, raw, percent, limit }) => [
    xText(name, x),
    line,
    spreadText(engine),
    spreadText(raw),
    unit,
    `${spreadText(percent)} %`,
    limit,
  ])
  return `${title}\n${textTable(['', '', 'engine', 'limit', '', 'engine of limit', 'the limit is'], rows)}`
}

function latencies(report: Report): string {
  const rows = report.latencies.map(({ who, concurrency, samples, p50, p99, p999, max }) => [
    who === 'raw' ? `raw, ${concurrency} a write` : `engine, ${concurrency} at once`,
    ...[p50, p99, p999, max].map((ms) => ms.toFixed(3)),
    samples,
  ])
  return `${latencyTitle}\n${textTable(['ms', 'p50', 'p99', 'p99.9', 'max', 'samples'], rows)}`
}

function spreadText({ min, median, max, rounds }: Series): string {
  if (rounds.length === 1) return numberText(median)
  return `${numberText(median)} (${numberText(min)}–${numberText(max)})`
}
