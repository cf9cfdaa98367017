/** How partitions are spread over brokers, and the files that name them. */
import test from 'ava'
import {
  formatReassignment,
  parseReassignment,
  parseTopics,
  spreadOver,
} from '../../lib/cli/client/reassignment-plan.js'

const orders = (...replicas: number[][]) =>
  replicas.map((ids, partition) => ({ topic: 'orders', partition, replicas: ids }))
const brokers = (...ids: number[]) => ids.map((id) => ({ id, rack: null as string | null }))

function counts(
  partitions: readonly { replicas: readonly number[] }[],
  pick: (ids: readonly number[]) => number[],
) {
  const found = new Map<number, number>()
  for (const { replicas } of partitions)
    for (const id of pick(replicas)) found.set(id, (found.get(id) ?? 0) + 1)
  return [...found].sort(([a], [b]) => a - b)
}

test('a broker that is new gets its share, and no more is moved than that', (t) => {
  const before = orders([1, 2], [2, 3], [3, 1], [1, 2], [2, 3], [3, 1])
  const after = spreadOver(brokers(1, 2, 3, 4), before)
  t.deepEqual(
    counts(after, (ids) => [...ids]),
    [
      [1, 3],
      [2, 3],
      [3, 3],
      [4, 3],
    ],
  )
  const moved = after.flatMap(({ replicas }, index) =>
    replicas.filter((id) => !before[index]!.replicas.includes(id)),
  )
  t.deepEqual(moved, [4, 4, 4])
  for (const [, count] of counts(after, ([first]) => [first!])) t.true(count <= 2)
})

test('a broker that is left out has nothing any more, and the others keep what they have', (t) => {
  const before = orders([1, 2], [2, 3], [3, 1])
  const after = spreadOver(brokers(1, 2), before)
  t.deepEqual(
    after.map(({ replicas }) => [...replicas].sort()),
    [
      [1, 2],
      [1, 2],
      [1, 2],
    ],
  )
  t.throws(() => spreadOver(brokers(1), before), {
    message: /orders-0 has 2 replicas, more than the 1 brokers/,
  })
})

test('where things are even nothing moves', (t) => {
  const before = orders([1, 2], [2, 3], [3, 1])
  t.deepEqual(spreadOver(brokers(1, 2, 3), before), before)
})

test('no rack has two replicas while another has none', (t) => {
  const racks = ['a', 'a', 'b', 'b', 'c']
  const rackOf = (id: number) => racks[id - 1]!
  const placed = spreadOver(
    racks.map((rack, index) => ({ id: index + 1, rack })),
    orders([9, 8, 7], [1, 8, 9], [3, 9, 8], [9, 8, 5]),
  )
  for (const { replicas } of placed) t.is(new Set(replicas.map(rackOf)).size, 3, replicas.join())
})

test('files of kafka-reassign-partitions are read and written', (t) => {
  const text = '{"version":1,"partitions":[{"topic":"orders","partition":0,"replicas":[1,2]}]}'
  t.deepEqual(parseReassignment(text, 'f'), orders([1, 2]))
  t.is(formatReassignment(orders([1, 2])), text)
  t.deepEqual(parseTopics('{"topics":[{"topic":"a"},{"topic":"b"}],"version":1}', 'f'), ['a', 'b'])
  for (const wrong of ['', '[]', '{"partitions":[{"topic":"a"}]}', text.replace('[1,2]', '[]')]) {
    t.throws(() => parseReassignment(wrong, 'f'), { message: /^f / }, wrong)
  }
  const twice = JSON.stringify({ partitions: [...orders([1]), ...orders([2])] })
  t.throws(() => parseReassignment(twice, 'f'), { message: /orders-0 twice/ })
})
