/** How a report's numbers and parts are called, wherever they are shown. */

import type { Report, SectionName } from './report.js'

export const sectionTitles: readonly { readonly name: SectionName; readonly title: string }[] = [
  { name: 'append', title: 'Sequential append by batch size, one log' },
  { name: 'writers', title: 'Sequential append by number of logs, batches of 256 KB' },
  { name: 'durable', title: 'Durable appends of 1 KB by how many wait at once' },
  { name: 'read', title: 'Read into memory' },
  { name: 'send', title: 'File to a local socket' },
]

export const latencyTitle = 'How long one durable append takes'

/** Three digits that matter. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const digits = value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function bytesText(bytes: number): string {
  return bytes >= 1_048_576 ? `${bytes / 1_048_576} MB` : `${bytes / 1024} KB`
}

/** What was varied, as a word. */
export function xText(section: SectionName, x: number | string): string {
  if (typeof x === 'string') return x
  if (section === 'append') return bytesText(x)
  if (section === 'writers') return x === 1 ? '1 log' : `${x} logs`
  return `${x} at once`
}

export function describedMachine({ machine, folder, rounds, ...report }: Report): string[] {
  const gigabytes = (bytes: number) => numberText(bytes / 1e9)
  return [
    `${machine.cores} × ${machine.cpu}, ${gigabytes(machine.memoryBytes)} GB, ${machine.kernel} ${machine.arch}, ` +
      `Node ${machine.node}`,
    `${folder}: ${machine.fileSystem} on ${machine.device}`,
    `${report.program}, ${report.startedAt}: ${rounds} round${rounds === 1 ? '' : 's'}${report.quick ? ' (quick)' : ''}, ` +
      `${numberText(report.seconds)} s, ${gigabytes(report.writtenBytes)} GB written; median (least–most)`,
  ]
}
