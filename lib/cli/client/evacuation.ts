/** Which partitions leave a broker, and where they go: planned from what the cluster says now. Pure. */
import type { PlanBroker } from './reassignment-plan.js'
import type { PartitionReplicas, Reassignment } from './reassignments.js'
import { RequestFailure } from './request-failure.js'

/** `replicas` with those that are being added and removed. */
export interface PartitionPlace extends Reassignment {
  readonly isr: readonly number[]
}

/** What a partition's replicas are in the end, as things go now. */
const targetOf = ({ replicas, removing }: PartitionPlace) => replicas.filter((id) => !removing.includes(id))

/**
 * New replicas of every partition that is to leave `broker`, and is not about to: each takes the place of the old one,
 * in a rack that has none of the others where there is one, on the broker that has the fewest. A move to a broker that
 * has died meanwhile is planned anew. `brokers`: those that live and may take replicas. Throws where they are too few.
 */
export function planEvacuation(
  broker: number,
  partitions: readonly PartitionPlace[],
  brokers: readonly PlanBroker[],
): PartitionReplicas[] {
  const candidates = brokers.filter(({ id }) => id !== broker)
  const rackOf = new Map(brokers.map(({ id, rack }) => [id, rack]))
  const load = new Map(candidates.map(({ id }) => [id, 0]))
  for (const place of partitions) {
    for (const id of targetOf(place)) if (load.has(id)) load.set(id, load.get(id)! + 1)
  }
  const moves: PartitionReplicas[] = []
  for (const place of partitions) {
    const { topic, partition, adding } = place
    const target = targetOf(place)
    const isWrong = (id: number) => id === broker || (adding.includes(id) && !rackOf.has(id))
    if (!place.replicas.includes(broker) || !target.some(isWrong)) continue
    const replicas = target.filter((id) => !isWrong(id))
    const next = () => {
      const racks = new Set(replicas.map((id) => rackOf.get(id)))
      const [best] = candidates
        .filter(({ id }) => !replicas.includes(id))
        .sort(
          (a, b) =>
            Number(racks.has(a.rack)) - Number(racks.has(b.rack)) ||
            load.get(a.id)! - load.get(b.id)! ||
            a.id - b.id,
        )
      if (!best) {
        throw new RequestFailure(
          `${topic}-${partition} has ${target.length} replicas, and without broker ${broker} only ${candidates.length} brokers can hold any: start another broker, or lower its replication factor`,
        )
      }
      load.set(best.id, load.get(best.id)! + 1)
      replicas.push(best.id)
      return best.id
    }
    moves.push({ topic, partition, replicas: target.map((id) => (isWrong(id) ? next() : id)) })
  }
  return moves
}
