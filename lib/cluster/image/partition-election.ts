/** Who leads a partition and who is in sync, after brokers came or went. Pure: what is there decides. */

import type { PartitionValue } from '../store/metadata-keys.js'

/** `live`: may lead. `stopping`: serves still, and hands over what it leads. `fenced`: counts as dead. */
export type MemberState = 'live' | 'stopping' | 'fenced'

export interface Election {
  readonly leader: number
  readonly isr: readonly number[]
}

/**
 * Members that do not live leave the ISR, but for the last ones: who of them comes back first may lead. The leader is
 * the first replica in sync that lives; without one it is nobody, or with `unclean` the first replica that lives, one
 * that is only being added last.
 */
export function elect(
  {
    leader,
    isr,
    replicas,
    addingReplicas = [],
  }: Pick<PartitionValue, 'leader' | 'isr' | 'replicas' | 'addingReplicas'>,
  stateOf: (brokerId: number) => MemberState,
  unclean: boolean,
): Election {
  const isLive = (id: number) => stateOf(id) === 'live'
  const inSync = isr.filter(isLive)
  if (isLive(leader) && isr.includes(leader)) return { leader, isr: inSync }
  const next = replicas.find((id) => isr.includes(id) && isLive(id))
  if (next !== undefined) return { leader: next, isr: inSync }
  if (leader >= 0 && stateOf(leader) === 'stopping') return { leader, isr }
  const standing = replicas.filter((id) => !addingReplicas.includes(id))
  const any = unclean ? (standing.find(isLive) ?? replicas.find(isLive)) : undefined
  return any === undefined ? { leader: -1, isr } : { leader: any, isr: [any] }
}

/**
 * A partition's key after `election`: a new leader gets a new leader epoch, above `leaderEpoch`, the one that counts
 * now, with the old leader's starts since the key was written.
 */
export function elected(
  value: PartitionValue,
  leaderEpoch: number,
  election: Election,
  brokerEpochOf: (brokerId: number) => number | undefined,
  beginsEpoch = election.leader !== value.leader,
): PartitionValue {
  const changed = { ...value, ...election, partitionEpoch: value.partitionEpoch + 1 }
  if (!beginsEpoch) return changed
  return {
    ...changed,
    leaderEpoch: leaderEpoch + 1,
    brokerEpoch: brokerEpochOf(election.leader) ?? value.brokerEpoch,
  }
}

export function isSameElection(a: Election, b: Election): boolean {
  return a.leader === b.leader && a.isr.length === b.isr.length && a.isr.every((id) => b.isr.includes(id))
}
