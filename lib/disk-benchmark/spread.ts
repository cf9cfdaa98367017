/**
 * Rounds to figures: machines are noisy, so a figure is its median with the least and the most beside it, and a ratio
 * is taken within each round before its median is.
 */

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** Undefined of nothing. */
export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
  return { min: sorted[0]!, median, max: sorted.at(-1)! }
}

/** Of the rounds in which both were measured. */
export function ratios(
  first: readonly (number | undefined)[],
  second: readonly (number | undefined)[],
): number[] {
  return first.flatMap((value, round) => {
    const other = second[round]
    return value === undefined || other === undefined || other === 0 ? [] : [value / other]
  })
}

/** The value below which `part` (0 to 1) of the sorted values lie, by nearest rank. */
export function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}
