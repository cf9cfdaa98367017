/** Parts a request's partitions into those that exist and those that do not. */
import type { Cluster } from '../cluster/index.js'

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

/** Joins the answers of both parts, a topic's partitions under one entry. */
export function joinAnswers<P, T extends NamedTopic<P>>(answered: readonly T[], refused: readonly T[]): T[] {
  const merged = answered.map((topic) => {
    const other = refused.find(({ name }) => name === topic.name)
    return other ? { ...topic, partitions: [...topic.partitions, ...other.partitions] } : topic
  })
  return [...merged, ...refused.filter(({ name }) => !answered.some((topic) => topic.name === name))]
}
