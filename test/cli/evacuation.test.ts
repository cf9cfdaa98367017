/** Where the replicas of a broker go that is decommissioned. */
import test from 'ava'
import { type PartitionPlace, planEvacuation } from '../../lib/cli/client/evacuation.js'

const place = (partition: number, replicas: number[], changes: Partial<PartitionPlace> = {}) => ({
  ...{ topic: 't', partition, replicas, adding: [], removing: [], isr: replicas },
  ...changes,
})
const brokers = (...ids: number[]) => ids.map((id) => ({ id, rack: null as string | null }))
const plan = (places: PartitionPlace[], live = brokers(1, 2, 3, 4)) =>
  planEvacuation(3, places, live).map(({ partition, replicas }) => [partition, replicas])

test('a new replica takes the place of the old one, on the broker that has the fewest', (t) => {
  t.deepEqual(plan([place(0, [1, 3]), place(1, [3, 2]), place(2, [1, 2]), place(3, [3])]), [
    [0, [1, 4]],
    [1, [4, 2]],
    [3, [1]],
  ])
})

test('a rack that has none of the others comes first', (t) => {
  const racks = [
    { id: 1, rack: 'a' },
    { id: 2, rack: 'a' },
    { id: 4, rack: 'b' },
  ]
  const busy = [place(1, [4]), place(2, [4]), place(3, [4])]
  t.deepEqual(plan([place(0, [1, 3]), ...busy], racks), [[0, [1, 4]]])
})

test('what is on its way already is left alone, unless its new broker has died', (t) => {
  const moving = place(0, [1, 4, 3], { adding: [4], removing: [3] })
  t.deepEqual(plan([moving]), [])
  t.deepEqual(plan([moving], brokers(1, 2, 3)), [[0, [1, 2]]])
})

test('too few brokers for the replication factor are refused', (t) => {
  t.throws(() => plan([place(0, [1, 2, 3])], brokers(1, 2, 3)), {
    message: /^t-0 has 3 replicas, and without broker 3 only 2 brokers can hold any: /,
  })
})
