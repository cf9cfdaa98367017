/** A report as one self-contained page: readable offline, without scripts, in light and dark. */

import { styles } from './page-styles.js'
import { barPlot, escaped, type Line, linePlot, type Point } from './plot.js'
import type { Comparison, Latency, Report, SectionName, Series } from './report.js'
import { linesOf, sentenceOf } from './sentences.js'
import { latencyTitle, numberText, sectionTitles, xText } from './words.js'

export function reportPage(report: Report): string {
  const body = [
    `<header><h1>What this disk does, and how close the engine comes</h1>${machine(report)}</header>`,
    tiles(report),
    ...sectionTitles.flatMap(({ name, title }) => section(report, name, title)),
    method(report),
    figures(report),
  ]
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Disk benchmark, ${escaped(report.startedAt.slice(0, 10))}</title>`,
    `<style>${styles}</style></head>`,
    `<body><main>${body.join('\n')}</main></body></html>`,
    '',
  ].join('\n')
}

function machine({ machine, folder, ...report }: Report): string {
  const rows: [string, string][] = [
    ['Processor', `${machine.cores} × ${machine.cpu}`],
    ['Memory', `${numberText(machine.memoryBytes / 1e9)} GB`],
    ['Kernel', `${machine.kernel}, ${machine.arch}`],
    ['Folder', folder],
    ['File system', `${machine.fileSystem} (${machine.mountOptions.replaceAll(',', ', ')})`],
    ['Device', machine.device],
    ['Program', `${report.program}, Node ${machine.node}`],
    [
      'Run',
      `${report.startedAt.replace('T', ' ').slice(0, 16)} UTC, ${numberText(report.seconds)} s, ` +
        `${report.rounds} round${report.rounds === 1 ? '' : 's'}${report.quick ? ' (quick: too short to trust)' : ''}, ` +
        `${numberText(report.writtenBytes / 1e9)} GB written`,
    ],
  ]
  return `<dl>${rows.map(([name, text]) => `<div><dt>${name}</dt><dd>${escaped(text)}</dd></div>`).join('')}</dl>`
}

/** The figures that most people came for. */
function tiles(report: Report): string {
  const alone = report.latencies.find(({ who, concurrency }) => who === 'engine' && concurrency === 1)
  const find = (name: string) => report.comparisons.find((each) => each.name === name)
  const share = (each: Comparison) => `${numberText(each.percent.median)} % of the limit`
  const entries: [string, string, string][] = []
  const add = (title: string, each: Comparison | undefined, note = each && share(each)) => {
    if (each) entries.push([title, `${numberText(each.engine.median)} ${each.unit}`, note!])
  }
  add('Append, on disk, 1 MB batches', find('append-1048576-on-disk'))
  if (alone) {
    const note = `p99 ${numberText(alone.p99)} ms`
    entries.push(['One durable append', `${numberText(alone.p50)} ms`, note])
  }
  const most = linesOf(report, 'durable', 'one by one').at(-1)
  if (most) {
    add(`Durable, ${most.x} at once`, most, `${numberText(most.percent.median / 100)} × one by one`)
  }
  add('Read in order, from the disk', find('read-sequential-4-cold'))
  const tile = ([title, value, note]: [string, string, string]) =>
    `<div><span>${escaped(title)}</span><strong>${escaped(value)}</strong><span>${escaped(note)}</span></div>`
  return `<section class="tiles">${entries.map(tile).join('')}</section>`
}

function section(report: Report, name: SectionName, title: string): string[] {
  if (!report.comparisons.some((each) => each.section === name)) return []
  const block = (heading: string, sentence: string, plot: string) =>
    `<section><h2>${escaped(heading)}</h2><p>${escaped(sentence)}</p>${plot}</section>`
  const own = block(title, sentenceOf(report, name), plots[name](report, title))
  if (name !== 'durable') return [own]
  return [own, block(latencyTitle, sentenceOf(report, 'latency'), latencyPlot(report))]
}

const point = ({ median, min, max }: Series): Point => ({ value: median, min, max })

function throughput(name: 'append' | 'writers', xTitle: string) {
  return (report: Report, label: string): string => {
    const both = (line: string, dashed: boolean): Line[] => {
      const comparisons = linesOf(report, name, line)
      return [
        {
          name: `engine, ${line}`,
          className: 'engine',
          dashed,
          points: comparisons.map((each) => point(each.engine)),
        },
        {
          name: `limit, ${line}`,
          className: 'raw',
          dashed,
          points: comparisons.map((each) => point(each.raw)),
        },
      ]
    }
    return linePlot({
      label,
      xTitle,
      yTitle: 'MB/s (log scale)',
      places: linesOf(report, name, 'on disk').map(({ x }) => xText(name, x)),
      scale: 'log',
      unit: 'MB/s',
      lines: [...both('on disk', false), ...both('page cache', true)],
    })
  }
}

function durablePlot(report: Report, label: string): string {
  const singles = linesOf(report, 'durable', 'one by one')
  const grouped = linesOf(report, 'durable', 'grouped')
  return linePlot({
    label,
    xTitle: 'appends that wait at once',
    yTitle: 'appends/s (log scale)',
    places: singles.map(({ x }) => String(x)),
    scale: 'log',
    unit: 'appends/s',
    lines: [
      { name: 'engine', className: 'engine', points: singles.map((each) => point(each.engine)) },
      {
        name: 'limit: all that wait in one write and fdatasync',
        className: 'raw',
        points: grouped.map((each) => point(each.raw)),
      },
      {
        name: 'one write and fdatasync after the other',
        className: 'raw',
        dashed: true,
        points: singles.map((each) => point(each.raw)),
      },
    ],
  })
}

function latencyPlot(report: Report): string {
  const own = report.latencies.filter(({ who }) => who === 'engine')
  const raw = report.latencies.find(({ who, concurrency }) => who === 'raw' && concurrency === 1)
  const of = (part: 'p50' | 'p99' | 'p999' | 'max', name: string, className: string): Line => ({
    name,
    className,
    points: own.map((each: Latency) => ({ value: each[part] })),
  })
  const lines = [
    of('max', 'max', 'shade-4'),
    of('p999', 'p99.9', 'shade-3'),
    of('p99', 'p99', 'shade-2'),
    of('p50', 'p50', 'shade-1'),
  ]
  if (raw) {
    const points = own.map(() => ({ value: raw.p50 }))
    lines.push({ name: 'p50 of a plain write and fdatasync', className: 'raw', dashed: true, points })
  }
  return linePlot({
    label: latencyTitle,
    xTitle: 'appends that wait at once',
    yTitle: 'ms (log scale)',
    places: own.map(({ concurrency }) => String(concurrency)),
    scale: 'log',
    unit: 'ms',
    lines,
  })
}

function bars(name: 'read' | 'send') {
  return (report: Report, label: string): string =>
    barPlot(
      label,
      'engine, % of the limit measured beside it',
      report.comparisons
        .filter((each) => each.section === name)
        .map(({ x, line, percent, engine, raw, unit }) => ({
          name: `${x}, ${line}`,
          percent: percent.median,
          min: percent.min,
          max: percent.max,
          text: `${numberText(engine.median)} of ${numberText(raw.median)} ${unit}`,
        })),
    )
}

const plots: Readonly<Record<SectionName, (report: Report, label: string) => string>> = {
  append: throughput('append', 'batch size'),
  writers: throughput('writers', 'logs written at once'),
  durable: durablePlot,
  read: bars('read'),
  send: bars('send'),
}

function method({ notes }: Report): string {
  const said = [
    'Each figure of the engine stands beside a limit: what a loop of plain system calls (pwrite, fdatasync, pread, ' +
      'sendfile) in C++ reaches on the same disk, measured right before or after it. Marks are medians of the rounds, ' +
      'thin lines span them; percentages are taken within a round.',
    'Memory is warmed before each measurement, so that writing does not pay for pages that a virtual machine must ' +
      'first get from its host. “Cold” is out of this machine’s page cache; a device or a host may still have it in ' +
      'memory of its own.',
    ...notes,
  ]
  return `<section><h2>How it was measured</h2>${said.map((text) => `<p>${escaped(text)}</p>`).join('')}</section>`
}

function figures(report: Report): string {
  const cell = ({ median, min, max, rounds }: Series) =>
    rounds.length === 1
      ? numberText(median)
      : `${numberText(median)} <small>${numberText(min)}–${numberText(max)}</small>`
  const rows = report.comparisons.map(
    ({ section: name, x, line, unit, engine, raw, percent, limit }) =>
      `<tr><td>${name}</td><td>${escaped(xText(name, x))}</td><td>${escaped(line)}</td><td>${cell(engine)}</td>` +
      `<td>${cell(raw)}</td><td>${unit}</td><td>${cell(percent)} %</td><td>${escaped(limit)}</td></tr>`,
  )
  const waits = report.latencies.map(
    ({ who, concurrency, samples, p50, p99, p999, max }) =>
      `<tr><td>${who}</td><td>${concurrency}</td>` +
      [p50, p99, p999, max].map((ms) => `<td>${numberText(ms)}</td>`).join('') +
      `<td>${samples}</td></tr>`,
  )
  const table = (heads: readonly string[], lines: readonly string[]) =>
    `<div class="wide"><table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead>` +
    `<tbody>${lines.join('')}</tbody></table></div>`
  return (
    `<section><h2>All figures</h2><details><summary>Throughput</summary>` +
    `${table(['', '', '', 'engine', 'limit', '', 'engine of limit', 'the limit is'], rows)}</details>` +
    `<details><summary>Latency of durable appends, ms</summary>` +
    `${table(['', 'at once', 'p50', 'p99', 'p99.9', 'max', 'samples'], waits)}</details></section>`
  )
}
