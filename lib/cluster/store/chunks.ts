/** `items` in their order, `size` at a time: what fits into one transaction of the metadata store, say. */
export function* chunksOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
