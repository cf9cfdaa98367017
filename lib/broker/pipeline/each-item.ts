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
