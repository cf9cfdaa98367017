/** What each part of a report says, in a sentence or two made from its figures. */

import type { Comparison, Report, SectionName } from './report.js'
import { bytesText, numberText, xText } from './words.js'

export function sentenceOf(report: Report, section: SectionName | 'latency'): string {
  switch (section) {
    case 'append':
      return appendSentence(report)
    case 'writers':
      return writersSentence(report)
    case 'durable':
      return durableSentence(report)
    case 'latency':
      return latencySentence(report)
    case 'read':
      return readSentence(report)
    case 'send':
      return sendSentence(report)
  }
}

export const linesOf = (report: Report, section: SectionName, line: string): Comparison[] =>
  report.comparisons.filter((each) => each.section === section && each.line === line)

const ofLimit = ({ percent }: Comparison) => `${numberText(percent.median)} %`
const rate = ({ engine, unit }: Comparison) => `${numberText(engine.median)} ${unit}`

function appendSentence(report: Report): string {
  const best = linesOf(report, 'append', 'on disk').reduce((a, b) =>
    b.engine.median > a.engine.median ? b : a,
  )
  const cached = linesOf(report, 'append', 'page cache').find(({ x }) => x === best.x)!
  return (
    `The engine puts most on the disk with batches of ${bytesText(best.x as number)}: ${rate(best)}, ` +
    `${ofLimit(best)} of plain writes of that size with one fdatasync at the end. ` +
    `Into the page cache it hands ${rate(cached)} (${ofLimit(cached)}): beside copying, it checks every batch, ` +
    'walks its records and gives them their offsets.'
  )
}

function writersSentence(report: Report): string {
  const lines = linesOf(report, 'writers', 'on disk')
  const one = lines[0]!
  const most = lines.at(-1)!
  return (
    `${xText('writers', most.x)} at once put ${rate(most)} on the disk, ${ofLimit(most)} of as many threads that ` +
    `write a file each; one log alone ${rate(one)}.`
  )
}

function durableSentence(report: Report): string {
  const singles = linesOf(report, 'durable', 'one by one')
  const most = singles.at(-1)!
  const times = most.percent.median / 100
  const alone = singles[0]!
  return (
    `With ${most.x} that wait at once, ${numberText(most.engine.median)} records of 1 KB a second are on disk: one ` +
    `fdatasync stands for many of them. That is ${numberText(times)} times what one write and one fdatasync after ` +
    `the other reach (${numberText(most.raw.median)}). One at a time the engine makes ${ofLimit(alone)} of it.`
  )
}

function latencySentence(report: Report): string {
  const find = (who: string, concurrency: number) =>
    report.latencies.find((each) => each.who === who && each.concurrency === concurrency)
  const one = find('engine', 1)
  const raw = find('raw', 1)
  const most = report.latencies.filter(({ who }) => who === 'engine').at(-1)
  if (!one || !raw || !most) return ''
  return (
    `A record alone is on disk after ${numberText(one.p50)} ms (median); a plain write and fdatasync takes ` +
    `${numberText(raw.p50)} ms. With ${most.concurrency} at once half of them wait less than ` +
    `${numberText(most.p50)} ms, and 99 % less than ${numberText(most.p99)} ms.`
  )
}

function readSentence(report: Report): string {
  const find = (name: string) => report.comparisons.find((each) => each.name === name)
  const texts = (['cached', 'cold'] as const).flatMap((state) => {
    const sequential = find(`read-sequential-1-${state}`)
    const random = find(`read-random-16-${state}`)
    if (!sequential || !random) return []
    const from = state === 'cached' ? 'From the page cache' : 'From the disk'
    return [
      `${from} the engine reads ${rate(sequential)} in order (${ofLimit(sequential)} of the limit), and at random ` +
        `${rate(random)} with 16 at once (${ofLimit(random)}).`,
    ]
  })
  texts.push(
    'The limit reads into one buffer again and again; the engine looks every offset up in its index, and gives each ' +
      'read memory of its own across threads.',
  )
  return texts.join(' ')
}

function sendSentence(report: Report): string {
  const cached = linesOf(report, 'send', 'cached')
  const texts = cached.map((each) => `by ${each.x} ${rate(each)} (${ofLimit(each)} of the limit)`)
  const cold = linesOf(report, 'send', 'cold')[0]
  const last = cold
    ? ` A file that is not in the page cache goes out with ${rate(cold)} (${ofLimit(cold)}).`
    : ''
  return `A log’s file goes to a socket of this machine ${texts.join(', ')}, as a broker answers consumers.${last}`
}
