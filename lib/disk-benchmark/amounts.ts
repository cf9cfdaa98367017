/**
 * The shapes that are measured, and how much each measurement may write, so that a whole run keeps within one bound.
 */

export const batchSizes = [4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304] as const
/** One writer with the same batches stands among `batchSizes`. */
export const writerCounts = [2, 4, 8] as const
export const writersBatchBytes = 262_144
/** A durable append: one record of about 1 KB. */
export const durableBatchBytes = 1024
/** More of them at a time pass more bytes in the same time, up to a point. */
export const concurrencies = [
  { concurrency: 1, weight: 1 },
  { concurrency: 4, weight: 1 },
  { concurrency: 16, weight: 2 },
  { concurrency: 64, weight: 4 },
  { concurrency: 256, weight: 4 },
] as const
/** What the log that is read consists of. */
export const readBatchBytes = 4096

const FULL_SIZE = 2_000_000_000
const QUICK_SIZE = 200_000_000
/** Below, a measurement would be shorter than what disturbs it. */
export const MIN_SIZE = 40_000_000

export interface Amounts {
  readonly size: number
  readonly rounds: number
  /** What one append measurement writes. */
  readonly appendBytes: number
  /** The most that one durable measurement of weight 1 writes, and how long one takes. */
  readonly durableBytes: number
  readonly durableMs: number
  /** The log that is read and sent. */
  readonly readBytes: number
  /** How long a measurement of reading takes at most. */
  readonly readMs: number
  /** What one measurement of sending sends. */
  readonly sendBytes: number
}

/** One segment file. */
const maxReadBytes = 1_000_000_000

const ROUNDS = 3
/** Before the rounds both sides run once with this part of the amounts: code is compiled, files are laid out. */
export const warmUpPart = 0.25

/** `size`: the most that is written in all; see `defaultSize`. */
export function amounts(quick: boolean, size: number): Amounts {
  const rounds = quick ? 1 : ROUNDS
  const sides = 2 * (rounds + warmUpPart)
  const pages = (bytes: number) => Math.max(1, Math.floor(bytes / 4096)) * 4096
  const appends = batchSizes.length + writerCounts.length
  // One more of weight 1: the raw side one by one.
  const durables = concurrencies.reduce((sum, { weight }) => sum + weight, 1)
  return {
    size,
    rounds,
    readBytes: Math.min(pages(0.12 * size), maxReadBytes),
    appendBytes: pages((0.58 * size) / (sides * appends)),
    durableBytes: pages((0.29 * size) / (sides * durables)),
    durableMs: quick ? 150 : 700,
    readMs: quick ? 60 : 400,
    sendBytes: quick ? 32_000_000 : 1_000_000_000,
  }
}

/** The most that is written where no bound is given. */
export const defaultSize = (quick: boolean): number => (quick ? QUICK_SIZE : FULL_SIZE)
