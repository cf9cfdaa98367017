/** Parts a request's partitions into those that exist and those that do not. */
import type { Cluster } from '../../cluster/index.js'

export interface NamedTopic<P> {
  name: string
  partitions: P[]
}

export function splitExisting<P extends { partitionIndex: number }, T extends NamedTopic<P>>(
  topics: readonly T[],
  { image }: Cluster,
): { existing: T[]; missing: T[] } {
  const existing: T[] = []
  const missing: T[] = []
  for (const topic of topics) {
    const count = image.topic(topic.name)?.partitions.length ?? 0
    const exists = ({ partitionIndex }: P) => partitionIndex >= 0 && partitionIndex < count
    const found = topic.partitions.filter(exists)
    const absent = topic.partitions.filter((partition) => !exists(partition))
    if (found.length > 0) existing.push({ ...topic, partitions: found })
    if (absent.length > 0) missing.push({ ...topic, partitions: absent })
  }
  return { existing, missing }
}

/** Joins the answers of both parts, a topic's partitions under one entry, also where a request names it twice. */
export function joinAnswers<P, T extends NamedTopic<P> & { topicId?: string }>(
  answered: readonly T[],
  refused: readonly T[],
): T[] {
  const joined = new Map<string, T>()
  for (const topic of [...answered, ...refused]) {
    // Those whose id nobody knows have no name.
    const key = topic.name || `${topic.topicId}`
    const first = joined.get(key)
    if (first === undefined) joined.set(key, { ...topic, partitions: [...topic.partitions] })
    else for (const partition of topic.partitions) first.partitions.push(partition)
  }
  return [...joined.values()]
}
