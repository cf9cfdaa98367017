/**
 * The fields of a record batch's header that decide whether a partition takes it: read once from the bytes of a
 * produce request, or from headers that the engine scanned.
 */
import { BatchHeader } from '../protocol/index.js'

const sequenceModulus = 2 ** 31

/** Who sent a batch and where it stands in that producer's order. `producerId` is −1 without idempotence. */
export interface BatchIdentity {
  baseOffset: number
  lastOffset: number
  leaderEpoch: number
  maxTimestampMs: number
  producerId: number
  producerEpoch: number
  baseSequence: number
  lastSequence: number
  compression: number
  isTransactional: boolean
  isControl: boolean
}

/** Sequence numbers wrap from 2^31−1 to 0. */
export function advanceSequence(sequence: number, by: number): number {
  return (sequence + by) % sequenceModulus
}

/** The sequence `by` steps before, wrapping from 0 to 2^31−1. */
export function rewindSequence(sequence: number, by: number): number {
  return (((sequence - by) % sequenceModulus) + sequenceModulus) % sequenceModulus
}

/** Whether a producer sends `one` before `other`: less than half of all sequences lie between them. */
export function isSequenceBefore(one: number, other: number): boolean {
  const ahead = rewindSequence(other, one)
  return ahead > 0 && ahead < sequenceModulus / 2
}

/** REQUIRES: 61 bytes of a magic-2 header at `at`. */
export function readBatchIdentity(bytes: Uint8Array, at = 0): BatchIdentity {
  const header = new BatchHeader(bytes, at)
  const { baseSequence, lastOffsetDelta } = header
  const baseOffset = Number(header.baseOffset)
  return {
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    leaderEpoch: header.partitionLeaderEpoch,
    maxTimestampMs: Number(header.maxTimestamp),
    producerId: Number(header.producerId),
    producerEpoch: header.producerEpoch,
    baseSequence,
    lastSequence: baseSequence < 0 ? baseSequence : advanceSequence(baseSequence, lastOffsetDelta),
    compression: header.compressionId,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
  }
}
