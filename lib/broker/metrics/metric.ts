/**
 * What one metric is. Declared in the files beside this one and nowhere else: the registry, docs/metrics.md and its
 * test come from the declarations. Names are those that Prometheus users know from Kafka's JMX metrics, in lower case,
 * so that dashboards made for Kafka show them.
 */
import type { BrokerServices } from '../services.js'
import type { Traffic } from './traffic.js'

/** What metrics are taken from. */
export interface MetricSource {
  readonly services: BrokerServices
  readonly traffic: Traffic
}

/** Values of the labels in the order of their declaration, and the number. */
export type Sample = readonly [labels: readonly string[], value: number]

export interface Metric {
  readonly name: string
  /** A counter only rises while the broker runs; a gauge goes both ways. */
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  readonly labels: readonly string[]
  /** Called when somebody asks. */
  collect(source: MetricSource): Iterable<Sample>
}

type Unlabelled = (source: MetricSource) => number | undefined

/** A gauge without labels. Where `value` gives undefined, there is none. */
export const gauge = (name: string, help: string, value: Unlabelled): Metric =>
  unlabelled('gauge', name, help, value)

/** A counter without labels. */
export const counter = (name: string, help: string, value: Unlabelled): Metric =>
  unlabelled('counter', name, help, value)

export const labelledGauge = (
  name: string,
  labels: readonly string[],
  help: string,
  collect: Metric['collect'],
): Metric => ({ kind: 'gauge', name, labels, help, collect })

export const labelledCounter = (
  name: string,
  labels: readonly string[],
  help: string,
  collect: Metric['collect'],
): Metric => ({ kind: 'counter', name, labels, help, collect })

function unlabelled(kind: Metric['kind'], name: string, help: string, value: Unlabelled): Metric {
  return {
    kind,
    name,
    help,
    labels: [],
    *collect(source) {
      const found = value(source)
      if (found !== undefined) yield [[], found]
    },
  }
}
