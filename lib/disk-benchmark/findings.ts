/** Collects the figures of all rounds and turns them into comparisons. */

import type { Comparison, Latency, Series } from './report.js'
import { percentile, ratios, spread } from './spread.js'

export type Side = 'engine' | 'raw'

/** A comparison before it has figures. */
export type Subject = Pick<Comparison, 'section' | 'name' | 'x' | 'line' | 'unit' | 'limit'>

export class Findings {
  readonly #subjects: { subject: Subject; engine: number[]; raw: number[] }[] = []
  readonly #latencies = new Map<string, { who: Side; concurrency: number; rounds: Float64Array[] }>()
  readonly notes = new Set<string>()

  /** The figure of one side in the round that is under way: each side has one in each round. */
  add(subject: Subject, side: Side, value: number): void {
    let entry = this.#subjects.find(({ subject: { name } }) => name === subject.name)
    if (entry === undefined) this.#subjects.push((entry = { subject, engine: [], raw: [] }))
    entry[side].push(value)
  }

  addLatencies(who: Side, concurrency: number, latencies: Float64Array): void {
    const key = `${who} ${concurrency}`
    const entry = this.#latencies.get(key) ?? { who, concurrency, rounds: [] }
    entry.rounds.push(latencies)
    this.#latencies.set(key, entry)
  }

  comparisons(): Comparison[] {
    return this.#subjects.map(({ subject, engine, raw }) => ({
      ...subject,
      engine: series(engine),
      raw: series(raw),
      percent: series(ratios(engine, raw).map((ratio) => ratio * 100)),
    }))
  }

  latencies(): Latency[] {
    return [...this.#latencies.values()].map(({ who, concurrency, rounds }) => {
      const sorted = Float64Array.from(rounds.flatMap((round) => [...round])).sort()
      const at = (part: number) => percentile(sorted, part)
      return {
        who,
        concurrency,
        samples: sorted.length,
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1),
      }
    })
  }
}

function series(rounds: readonly number[]): Series {
  return { ...spread(rounds)!, rounds }
}
