/**
 * What a request names more than once. Of changes Kafka makes none then: it cannot know which of the items is meant.
 * Questions are answered once, or a small request would have an answer without bound.
 */

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
