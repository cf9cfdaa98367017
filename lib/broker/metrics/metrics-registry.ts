/** The declared metrics, and those of the process, in Prometheus' text format. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { metrics } from './index.js'
import type { Metric, MetricSource } from './metric.js'

export class MetricsRegistry {
  readonly #registry = new Registry()

  constructor(source: MetricSource) {
    for (const metric of metrics) register(metric, source, this.#registry)
    collectDefaultMetrics({ register: this.#registry })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  close(): void {
    this.#registry.clear()
  }
}

function register(
  { kind, name, help, labels, collect }: Metric,
  source: MetricSource,
  registry: Registry,
): void {
  const labelled = (values: readonly string[]) =>
    Object.fromEntries(labels.map((label, index) => [label, values[index]!]))
  const shape = { name, help, labelNames: [...labels], registers: [registry] }
  if (kind === 'gauge') {
    const gauge: Gauge = new Gauge({
      ...shape,
      collect() {
        gauge.reset()
        if (labels.length === 0) gauge.remove()
        for (const [values, value] of collect(source)) gauge.set(labelled(values), value)
      },
    })
    return
  }
  const counter: Counter = new Counter({
    ...shape,
    collect() {
      counter.reset()
      for (const [values, value] of collect(source)) counter.inc(labelled(values), value)
    },
  })
}
