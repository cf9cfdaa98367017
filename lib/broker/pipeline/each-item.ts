/** The items of a request, answered one by one: what fails for one of them is that item's answer. */
import type { KafkaError } from '../../protocol/errors.js'
import { kafkaErrorOf } from './kafka-error.js'

/**
 * The answers in the order of the items. At most `atOnce` of them are under way: for items that start work, such as
 * writes to the metadata store.
 */
export async function eachItem<T, R, F>(
  items: readonly T[],
  atOnce: number,
  answer: (item: T) => R | Promise<R>,
  refuse: (item: T, error: KafkaError) => F,
): Promise<(R | F)[]> {
  const answers: (R | F)[] = []
  const queue = items.entries()
  const work = async () => {
    for (const [index, item] of queue) {
      try {
        answers[index] = await answer(item)
      } catch (thrown) {
        answers[index] = refuse(item, kafkaErrorOf(thrown))
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work))
  return answers
}

/** As above, for answers that need no wait. */
export function eachItemNow<T, R, F>(
  items: readonly T[],
  answer: (item: T) => R,
  refuse: (item: T, error: KafkaError) => F,
): (R | F)[] {
  return items.map((item) => {
    try {
      return answer(item)
    } catch (thrown) {
      return refuse(item, kafkaErrorOf(thrown))
    }
  })
}

/**
 * The partitions of all topics, answered one by one. The bound is on the whole request: one topic with many partitions
 * and many topics with one are the same work.
 */
export async function eachPartition<T extends { readonly partitions: readonly P[] }, P, R, F>(
  topics: readonly T[],
  atOnce: number,
  answer: (partition: P, topic: T) => R | Promise<R>,
  refuse: (partition: P, error: KafkaError) => F,
): Promise<{ topic: T; partitions: (R | F)[] }[]> {
  const pairs = topics.flatMap((topic) => topic.partitions.map((partition) => ({ topic, partition })))
  const answers = await eachItem(
    pairs,
    atOnce,
    ({ partition, topic }) => answer(partition, topic),
    ({ partition }, error) => refuse(partition, error),
  )
  let next = 0
  return topics.map((topic) => ({ topic, partitions: topic.partitions.map(() => answers[next++]!) }))
}
