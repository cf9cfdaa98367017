/** What the parts of the benchmark are given, and what they consist of. */

import type { Amounts } from './amounts.js'
import type { Findings } from './findings.js'
import type { Workplace } from './workplace.js'

/** One comparison: its two sides are measured right after one another, in every second round in the other order. */
export interface Step {
  readonly title: string
  raw(pass: Pass): Promise<void>
  engine(pass: Pass): Promise<void>
}

/** One pass over all steps. */
export interface Pass {
  readonly amounts: Amounts
  readonly work: Workplace
  /** Those of a warming pass are dropped. */
  readonly findings: Findings
  /** Distinct for each pass: seeds random positions. */
  readonly number: number
}
