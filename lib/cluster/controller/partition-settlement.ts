/** What the controller makes of one partition: a step of its reassignment, its leader and its ISR. Pure. */

import { type Election, elect, isSameElection, type MemberState } from '../image/partition-election.js'
import { nextStep } from '../image/reassignment.js'
import type { PartitionValue } from '../store/metadata-keys.js'

export interface Settlement {
  /** After the step; leader, ISR and epochs are those of before it where `election` says nothing else. */
  readonly value: PartitionValue
  readonly election: Election
  /**
   * Another leader, or replicas that went. One that comes back after it went has lost its log: what it said before, and
   * what is still on its way, must not count as said by it.
   */
  readonly beginsEpoch: boolean
}

/** Undefined where all is as it should be. */
export function settle(
  value: PartitionValue,
  stateOf: (brokerId: number) => MemberState,
  unclean: boolean,
): Settlement | undefined {
  const step = nextStep(value, stateOf)
  const base = step ?? value
  const election = elect(base, stateOf, unclean)
  if (!step && isSameElection(election, value)) return undefined
  return {
    value: base,
    election,
    beginsEpoch: election.leader !== value.leader || base.replicas.length < value.replicas.length,
  }
}
