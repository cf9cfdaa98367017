/**
 * Where logs part from each other: found by the epochs that each has (KIP-101, KIP-279, KIP-595). What a follower
 * cuts is never committed: an epoch's leader had all that was.
 */
import { KafkaError } from '../protocol/errors.js'

/** The end of an epoch in a log, as OffsetForLeaderEpoch and `divergingEpoch` tell it; −1 where it is not known. */
export interface EpochEnd {
  readonly epoch: number
  readonly endOffset: number
}

export interface EpochLog {
  readonly logEndOffset: number
  readonly epochs: {
    /** Of the last record, −1 without one. */
    readonly latestEpoch: number
    endOffsetFor(epoch: number, logEndOffset: number): EpochEnd
  }
}

/** The end of the newest epoch up to `epoch`, in the log of a leader of `leaderEpoch`. */
export function endOffsetForEpoch({ epochs, logEndOffset }: EpochLog, leaderEpoch: number, epoch: number) {
  if (epoch === leaderEpoch) return { epoch, endOffset: logEndOffset }
  const { latestEpoch } = epochs
  // The epochs behind that of the last record begin, and end, at the log end.
  if (epoch > latestEpoch && epoch < leaderEpoch) {
    return { epoch: latestEpoch < 0 ? epoch : latestEpoch, endOffset: logEndOffset }
  }
  return epochs.endOffsetFor(epoch, logEndOffset)
}

/**
 * Where a log that ends at `offset` with a record of `lastEpoch` parts from the leader's, which knows no later
 * common point. Undefined where all of it is the leader's too. Throws OFFSET_OUT_OF_RANGE where nobody can tell.
 */
export function divergence(
  log: EpochLog,
  leaderEpoch: number,
  lastEpoch: number,
  offset: number,
): EpochEnd | undefined {
  if (lastEpoch < 0) return undefined
  const end = endOffsetForEpoch(log, leaderEpoch, lastEpoch)
  if (end.endOffset < 0) throw new KafkaError('OFFSET_OUT_OF_RANGE')
  return end.epoch < lastEpoch || end.endOffset < offset ? end : undefined
}

/**
 * What a follower keeps of its log when the leader says where it diverges: up to the end of the epoch that both
 * know, or of the newest older one that the follower knows; the leader is asked again then.
 */
export function truncationOffset({ epochs, logEndOffset }: EpochLog, diverging: EpochEnd): number {
  const own = epochs.endOffsetFor(diverging.epoch, logEndOffset)
  const common = own.epoch === diverging.epoch ? Math.min(own.endOffset, diverging.endOffset) : own.endOffset
  // Without any epoch in common the leader's word alone counts.
  return Math.min(common < 0 ? diverging.endOffset : common, logEndOffset)
}
