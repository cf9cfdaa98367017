/** Declares the scenarios of one client as tests; where its program is missing, each is skipped and says why. */
import test, { type ExecutionContext } from 'ava'
import { openTarget, type Target } from './target.js'

export interface Scenario {
  readonly name: string
  run(t: ExecutionContext, target: Target): Promise<unknown>
}

export interface SuiteOptions {
  /** The broker to test against. */
  open?: () => Promise<Target>
  prepare?: () => Promise<void>
  cleanUp?: () => Promise<void>
}

/** `missing` names the program that is not there. `prepare` runs once before the scenarios, `cleanUp` after them. */
export function suite(
  client: string,
  missing: string | undefined,
  scenarios: readonly Scenario[],
  { open = openTarget, prepare, cleanUp }: SuiteOptions = {},
): void {
  if (missing !== undefined) {
    for (const { name } of scenarios) test.skip(`${client}: ${name} (skipped: ${missing})`, () => {})
    return
  }
  let target: Target | undefined
  test.before(async () => {
    await prepare?.()
    target = await open()
  })
  test.after.always(async () => {
    await target?.[Symbol.asyncDispose]()
    await cleanUp?.()
  })
  for (const { name, run } of scenarios) {
    // One after the other: rebalances of one group must not wait for the processor time of another's.
    test.serial(`${client}: ${name}`, (t) => run(t, target!))
  }
}

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
