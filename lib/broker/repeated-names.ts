/** What a request names more than once. Kafka changes nothing of it: it cannot know which of the items is meant. */

/** The keys that more than one item has. */
export function repeatedKeys<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlySet<string> {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const key of items.map(keyOf)) (seen.has(key) ? repeated : seen).add(key)
  return repeated
}

/** One item for each key. */
export function oneOfEach<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()]
}
