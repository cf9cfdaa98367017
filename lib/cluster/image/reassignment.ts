/**
 * How a partition's replicas become others (KIP-455). While they do, `replicas` holds the old and the new ones, those
 * wanted in the end first. Pure: what the partition's key says decides.
 *
 * INVARIANT: the replicas without the adding ones are those of before, without the removing ones those of after. A
 * replica that was being added and is not wanted any more is both.
 */
import type { PartitionValue } from '../store/metadata-keys.js'
import type { MemberState } from './partition-election.js'

export interface ReplicaAssignment {
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
}

/** As a partition's key holds it: what is empty is left out. */
export type StoredAssignment = Pick<PartitionValue, 'replicas' | 'addingReplicas' | 'removingReplicas'>

const none: readonly number[] = []

export function assignmentOf({
  replicas,
  addingReplicas = none,
  removingReplicas = none,
}: StoredAssignment): ReplicaAssignment {
  return { replicas, addingReplicas, removingReplicas }
}

export function isReassigning({ addingReplicas = none, removingReplicas = none }: StoredAssignment): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0
}

/** What a cancellation goes back to. */
export function originalReplicas({ replicas, addingReplicas = none }: StoredAssignment): number[] {
  return without(replicas, addingReplicas)
}

/** What there is in the end. */
export function targetReplicas({ replicas, removingReplicas = none }: StoredAssignment): number[] {
  return without(replicas, removingReplicas)
}

/** On the way to `target`, from whatever it was on its way to. */
export function reassignTo(current: StoredAssignment, target: readonly number[]): ReplicaAssignment {
  const replicas = [...target, ...without(current.replicas, target)]
  return {
    replicas,
    addingReplicas: without(replicas, originalReplicas(current)),
    removingReplicas: without(replicas, target),
  }
}

/** A partition's value with this assignment. */
export function withAssignment(
  { addingReplicas: _, removingReplicas: __, ...value }: PartitionValue,
  { replicas, addingReplicas, removingReplicas }: ReplicaAssignment,
): PartitionValue {
  return {
    ...value,
    replicas,
    ...(addingReplicas.length > 0 && { addingReplicas }),
    ...(removingReplicas.length > 0 && { removingReplicas }),
  }
}

/**
 * What can be done now: once every wanted replica is in sync, the others go; before that those which are neither of
 * before nor of after. The ISR keeps a member that lives, for the leader may be among those that go. Undefined where
 * there is nothing to do yet.
 */
export function nextStep(
  value: PartitionValue,
  stateOf: (brokerId: number) => MemberState,
): PartitionValue | undefined {
  const { replicas, addingReplicas, removingReplicas } = assignmentOf(value)
  if (!isReassigning(value)) return undefined
  const isComplete = targetReplicas(value).every((id) => value.isr.includes(id))
  const leaving = isComplete ? removingReplicas : addingReplicas.filter((id) => removingReplicas.includes(id))
  if (!isComplete && leaving.length === 0) return undefined
  const isr = without(value.isr, leaving)
  if (!isr.some((id) => stateOf(id) === 'live')) return undefined
  const assignment = {
    replicas: without(replicas, leaving),
    addingReplicas: isComplete ? none : without(addingReplicas, leaving),
    removingReplicas: without(removingReplicas, leaving),
  }
  return { ...withAssignment(value, assignment), isr }
}

function without(ids: readonly number[], others: readonly number[]): number[] {
  return ids.filter((id) => !others.includes(id))
}
