/** Who leads and who is in sync after brokers came or went; where replicas are put. */
import test from 'ava'
import { spreadReplicas } from '../../../lib/cluster/changes/replica-assignment.js'
import { elect, type MemberState } from '../../../lib/cluster/image/partition-election.js'

const replicas = [1, 2, 3]
const states = (text: string) => (id: number) =>
  (({ l: 'live', s: 'stopping', f: 'fenced' }) as Record<string, MemberState>)[text[id - 1]!] ?? 'fenced'
const after = (members: string, leader: number, isr: number[], unclean = false) =>
  elect({ leader, isr, replicas }, states(members), unclean)

test('while all live nothing changes', (t) => {
  t.deepEqual(after('lll', 2, [2, 3]), { leader: 2, isr: [2, 3] })
})

test('the next replica in sync leads, and the dead one is in sync no more', (t) => {
  t.deepEqual(after('fll', 1, [3, 1, 2]), { leader: 2, isr: [3, 2] })
  t.deepEqual(after('fll', 1, [1, 3]), { leader: 3, isr: [3] })
  t.deepEqual(after('llf', 1, [1, 2, 3]), { leader: 1, isr: [1, 2] })
})

test('the last in sync stays so when it dies: nobody leads until it is back', (t) => {
  t.deepEqual(after('fll', 1, [1]), { leader: -1, isr: [1] })
  t.deepEqual(after('fff', 1, [1, 2]), { leader: -1, isr: [1, 2] })
  t.deepEqual(after('lff', -1, [1, 2]), { leader: 1, isr: [1] })
})

test('who stops hands over, but keeps what nobody else has', (t) => {
  t.deepEqual(after('sll', 1, [1, 2]), { leader: 2, isr: [2] })
  t.deepEqual(after('sll', 1, [1]), { leader: 1, isr: [1] })
  t.deepEqual(after('lsl', 1, [1, 2]), { leader: 1, isr: [1] })
})

test('a replica that is not in sync leads only where that is allowed, and alone', (t) => {
  t.deepEqual(after('ffl', 1, [1, 2], true), { leader: 3, isr: [3] })
  t.deepEqual(after('flf', 1, [1, 2], true), { leader: 2, isr: [2] })
  t.deepEqual(after('fff', 1, [1, 2], true), { leader: -1, isr: [1, 2] })
})

test('replicas are spread over brokers, each in turn first', (t) => {
  const brokers = [1, 2, 3].map((id) => ({ id, rack: null }))
  t.deepEqual(spreadReplicas(brokers, 0, 4, 2), [
    [1, 2],
    [2, 3],
    [3, 1],
    [1, 2],
  ])
  t.throws(() => spreadReplicas(brokers, 0, 1, 4), { message: /larger than the number of live brokers, 3/ })
})

test('no rack has two replicas of a partition while another has none', (t) => {
  const racks = ['a', 'a', 'a', 'b', 'b', 'c']
  const brokers = racks.map((rack, index) => ({ id: index + 1, rack }))
  const rackOf = (id: number) => racks[id - 1]
  for (const placed of spreadReplicas(brokers, 0, 12, 3)) {
    t.is(new Set(placed.map(rackOf)).size, 3, placed.join())
    t.is(new Set(placed).size, 3)
  }
  for (const placed of spreadReplicas(brokers, 0, 6, 5)) {
    t.is(new Set(placed).size, 5)
    t.is(new Set(placed.slice(0, 3).map(rackOf)).size, 3)
  }
  const leaders = spreadReplicas(brokers, 0, 12, 3).map(([leader]) => leader)
  t.deepEqual(
    [1, 2, 3, 4, 5, 6].map((id) => leaders.filter((leader) => leader === id).length),
    [2, 2, 2, 2, 2, 2],
  )
})
