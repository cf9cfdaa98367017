/**
 * What a run of the disk benchmark found: plain data, written as JSON as it is. Sizes are bytes, times are ms unless
 * the name says otherwise.
 */
import type { Spread } from './spread.js'

/** Raised when a field changes its meaning or goes. */
export const REPORT_VERSION = 1

export const sections = ['append', 'writers', 'durable', 'read', 'send'] as const
export type SectionName = (typeof sections)[number]

/** The figures of all rounds, and what they come to. */
export interface Series extends Spread {
  /** One for each round. */
  readonly rounds: readonly number[]
}

/** The engine beside the raw limit of the same disk, measured in the same rounds. */
export interface Comparison {
  readonly section: SectionName
  /** Unique in a report, such as `append-4096-disk`. */
  readonly name: string
  /** What is varied: batch size, writers, concurrency; a word where it is no number. */
  readonly x: number | string
  /** The line of a plot that it belongs to. */
  readonly line: string
  readonly unit: 'MB/s' | 'appends/s' | 'reads/s'
  readonly engine: Series
  readonly raw: Series
  /** What the raw side does, in a few words. */
  readonly limit: string
  /** Engine by raw × 100, taken within each round. */
  readonly percent: Series
}

/** How long one durable append takes, over all rounds (ms). */
export interface Latency {
  readonly who: 'engine' | 'raw'
  readonly concurrency: number
  readonly samples: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  /** Name and release. */
  readonly kernel: string
  readonly arch: string
  readonly fileSystem: string
  readonly mountOptions: string
  /** Such as `/dev/nvme0n1`, with its model where the kernel tells it. */
  readonly device: string
  readonly node: string
}

export interface Report {
  readonly version: typeof REPORT_VERSION
  readonly program: string
  readonly startedAt: string
  readonly seconds: number
  readonly folder: string
  readonly machine: Machine
  readonly rounds: number
  readonly quick: boolean
  /** The bound that was given, and what was written in fact. */
  readonly sizeBytes: number
  readonly writtenBytes: number
  readonly comparisons: readonly Comparison[]
  readonly latencies: readonly Latency[]
  /** What was left out or could not be verified. */
  readonly notes: readonly string[]
}
