// Figures and rows as text.
import type { Spread } from './statistics.js'

/** `median (least–most)`. */
export function spreadText(value: Spread | undefined, digits: number): string {
  if (value === undefined) return '–'
  const format = (number: number) =>
    number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return value.min === value.max
    ? format(value.median)
    : `${format(value.median)} (${format(value.min)}–${format(value.max)})`
}

/** Columns as wide as their widest cell; the first row gives their number. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd())
    .join('\n')
}

/** More than the kernel's own threads use for what is measured. */
const BUSY_CORES = 0.4

/** What to say where other processes kept the machine busy. */
export function othersText(busy: Spread | undefined): string[] {
  if (busy === undefined || busy.max < BUSY_CORES) return []
  return [`others used ${spreadText(busy, 2)} cores of this machine meanwhile: do not trust these figures`]
}
