// What the commands of the bench have in common on their command lines.

/** The command line was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The workloads that `--only` names: all without it; a name ending in * takes all that begin so. */
export function chosenByName<W extends { readonly name: string }>(
  workloads: readonly W[],
  only: string | undefined,
): readonly W[] {
  if (only === undefined) return workloads
  const matches = (pattern: string) => (workload: W) =>
    pattern.endsWith('*') ? workload.name.startsWith(pattern.slice(0, -1)) : workload.name === pattern
  const patterns = only.split(',')
  const unknown = patterns.find((pattern) => !workloads.some(matches(pattern)))
  if (unknown !== undefined) throw new UsageError(`no workload ${unknown}; --list shows all`)
  return workloads.filter((workload) => patterns.some((pattern) => matches(pattern)(workload)))
}

export function roundsOf(given: string | undefined, otherwise: number): number {
  const rounds = Number(given ?? otherwise)
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError('--rounds takes a number from 1')
  return rounds
}
