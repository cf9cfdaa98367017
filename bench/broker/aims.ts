// What is wanted of Odradek, as a ratio to Kafka measured in the same round.
import type { Aim } from '../workload.js'

export const atLeast = (bound: number): Aim => ({ metric: 'mbPerSecond', of: 'ratio', bound })

export const cpuAtMost = (bound: number): Aim => ({ metric: 'cpuPerGb', of: 'ratio', bound })

export const notSlower: readonly Aim[] = (['mean', 'p50', 'p99', 'p999'] as const).map((metric) => ({
  metric,
  of: 'ratio',
  bound: 1,
}))
