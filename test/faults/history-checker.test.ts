/** The checker says nothing of a sound history, and finds each kind of violation in one that is doctored. */
import test from 'ava'
import type { GroupEvent, History, PartitionHistory, ReplicaBatch, SentValue } from './history.js'
import { noteRead } from './history.js'
import { checkHistory } from './history-checker.js'

const batch = (baseOffset: number, ...values: string[]): ReplicaBatch => ({
  baseOffset,
  lastOffset: baseOffset + values.length - 1,
  digest: values.join(),
  values,
})
const safe = (value: string, offset: number): SentValue => ({ value, offset, isAcknowledged: true })
const unknown = (value: string): SentValue => ({ value, offset: null, isAcknowledged: false })

/** Two replicas; one idempotent producer, one plain one whose second value nobody acknowledged. */
function sound(): { history: History; partition: PartitionHistory } {
  const batches = [batch(0, 'i:0', 'i:1'), batch(2, 'p:0'), batch(3, 'i:2'), batch(4, 'p:1')]
  const partition: PartitionHistory = {
    topic: 'orders',
    partition: 0,
    producers: [
      {
        producer: 'i',
        isIdempotent: true,
        sent: [safe('i:0', 0), safe('i:1', 1), safe('i:2', 3)],
        refusals: [],
      },
      { producer: 'p', isIdempotent: false, sent: [safe('p:0', 2), unknown('p:1')], refusals: [] },
    ],
    reads: new Map(),
    replicas: [
      { broker: 1, batches: [...batches] },
      { broker: 2, batches: [...batches] },
    ],
  }
  for (const [offset, value] of ['i:0', 'i:1', 'p:0', 'i:2', 'p:1'].entries()) {
    noteRead(partition, offset, value, 100)
  }
  return { history: { partitions: [partition], groups: [], powerCutsAtMs: [] }, partition }
}

type Doctor = (partition: PartitionHistory, history: History) => void

/** The kinds of what is found, each once. */
function found(doctor: Doctor): string[] {
  const { history, partition } = sound()
  doctor(partition, history)
  return [...new Set(checkHistory(history).map(({ kind }) => kind))].sort()
}

/** Other batches at every replica. */
const logs =
  (...batches: ReplicaBatch[]): Doctor =>
  ({ replicas, reads }) => {
    reads.clear()
    for (const replica of replicas) Object.assign(replica, { batches })
  }

test('a sound history is found sound', (t) => {
  t.deepEqual(
    found(() => {}),
    [],
  )
})

const doctored: { title: string; kinds: string[]; doctor: Doctor }[] = [
  {
    title: 'an acknowledged record that no replica has',
    kinds: ['lost'],
    doctor: logs(batch(0, 'i:0', 'i:1'), batch(2, 'p:0')),
  },
  {
    title: 'an acknowledged record that one replica does not have',
    kinds: ['lost'],
    doctor: ({ replicas, reads }) => {
      reads.clear()
      Object.assign(replicas[1]!, { batches: replicas[1]!.batches.slice(0, 2) })
    },
  },
  {
    title: 'an acknowledged record at another offset',
    kinds: ['lost'],
    doctor: logs(batch(0, 'i:0', 'i:1'), batch(2, 'p:1'), batch(3, 'i:2'), batch(4, 'p:0')),
  },
  {
    title: 'a record acknowledged as a duplicate that is not there',
    kinds: ['lost'],
    doctor: ({ producers }) => {
      producers[1]!.sent.push({ value: 'p:2', offset: null, isAcknowledged: true })
    },
  },
  {
    title: 'a gap between offsets',
    kinds: ['lost'],
    doctor: logs(batch(0, 'i:0', 'i:1'), batch(2, 'p:0'), batch(3, 'i:2'), batch(5, 'p:1')),
  },
  {
    title: 'a record of an idempotent producer that is there twice',
    kinds: ['duplicated', 'reordered'],
    doctor: logs(batch(0, 'i:0', 'i:1'), batch(2, 'p:0'), batch(3, 'i:2'), batch(4, 'i:2')),
  },
  {
    title: 'a record of a plain producer that is there twice',
    kinds: ['duplicated', 'reordered'],
    doctor: logs(batch(0, 'i:0', 'i:1'), batch(2, 'p:0'), batch(3, 'i:2'), batch(4, 'p:0')),
  },
  {
    title: 'records of an idempotent producer with one left out between them',
    kinds: ['lost', 'reordered'],
    doctor: logs(batch(0, 'i:0', 'p:1'), batch(2, 'p:0'), batch(3, 'i:2')),
  },
  {
    title: 'acknowledged records of a plain producer in another order',
    kinds: ['reordered'],
    doctor: (partition) => {
      partition.producers[1]!.sent.reverse()
      Object.assign(partition.producers[1]!.sent[0]!, safe('p:1', 4))
    },
  },
  {
    title: 'other bytes under the same offset',
    kinds: ['divergent'],
    doctor: ({ replicas }) => {
      const batches = [...replicas[1]!.batches]
      batches[2] = { ...batches[2]!, digest: 'another leader epoch' }
      Object.assign(replicas[1]!, { batches })
    },
  },
  {
    title: 'another record under an offset that was read',
    kinds: ['read and gone'],
    doctor: (partition) => noteRead(partition, 4, 'p:9', 100),
  },
  {
    title: 'no record any more under an offset that was read',
    kinds: ['read and gone'],
    doctor: (partition) => noteRead(partition, 9, 'p:1', 100),
  },
  {
    title: 'a producer that was refused',
    kinds: ['refused'],
    doctor: ({ producers }) => producers[0]!.refusals.push('OUT_OF_ORDER_SEQUENCE_NUMBER'),
  },
]

for (const { title, kinds, doctor } of doctored) {
  test(title, (t) => {
    t.deepEqual(found(doctor), kinds)
  })
}

test('a record that nobody acknowledged may be read before a power cut and be gone', (t) => {
  const read: Doctor = (partition, { powerCutsAtMs }) => {
    noteRead(partition, 5, 'p:9', 100)
    powerCutsAtMs.push(200)
  }
  t.deepEqual(found(read), [])
  const readLater: Doctor = (partition, history) => {
    read(partition, history)
    noteRead(partition, 5, 'p:9', 300)
  }
  t.deepEqual(found(readLater), ['read and gone'])
  const acknowledgedToo: Doctor = (partition, history) => {
    read(partition, history)
    partition.producers[1]!.sent.push(safe('p:9', 5))
  }
  t.deepEqual(found(acknowledgedToo), ['lost', 'read and gone'])
})

const done = (what: GroupEvent['what'], offset: number, sentAtMs: number): GroupEvent => ({
  what,
  offset,
  sentAtMs,
  answeredAtMs: sentAtMs + 5,
  isDone: true,
})
const unanswered = (offset: number, sentAtMs: number): GroupEvent => ({
  what: 'commit',
  offset,
  sentAtMs,
  answeredAtMs: Number.POSITIVE_INFINITY,
  isDone: false,
})

function told(events: GroupEvent[], powerCutsAtMs: number[] = [], hasMembers = false): string[] {
  const groups = [{ group: 'billing', topic: 'orders', partition: 0, hasMembers, events }]
  return checkHistory({ partitions: [], groups, powerCutsAtMs }).map(({ kind }) => kind)
}

test('committed offsets that rise, and one that was answered late, are sound', (t) => {
  t.deepEqual(
    told([done('commit', 1, 0), done('fetch', 1, 10), done('commit', 2, 20), done('fetch', 2, 30)]),
    [],
  )
  t.deepEqual(told([done('commit', 1, 0), done('fetch', 0, 2)].reverse()), [], 'asked before the answer')
  t.deepEqual(
    told([done('commit', 1, 0), unanswered(2, 10), done('commit', 3, 20), done('fetch', 2, 30)]),
    [],
  )
})

test('a committed offset that is older later, or gone, is found', (t) => {
  const back = ['offsets gone back']
  t.deepEqual(told([done('commit', 1, 0), done('commit', 2, 10), done('fetch', 1, 20)]), back)
  t.deepEqual(told([done('commit', 1, 0), done('fetch', -1, 20)]), back)
  t.deepEqual(told([done('commit', 1, 0), done('fetch', -1, 20)], [10]), back, 'a power cut takes no commit')
  t.deepEqual(told([done('commit', 1, 0), done('fetch', 7, 20)]), back, 'and none that was never made')
})

test('a commit of an old generation that comes to pass behind newer ones is found', (t) => {
  const events = [done('commit', 1, 0), unanswered(2, 10), done('commit', 3, 20), done('fetch', 2, 30)]
  t.deepEqual(told(events, [], true), ['offsets gone back'])
})

test('an offset that was seen and is gone is found, unless the power was cut', (t) => {
  const events = [
    done('commit', 1, 0),
    { ...done('commit', 2, 10), isDone: false },
    done('fetch', 2, 20),
    done('fetch', 1, 30),
  ]
  t.deepEqual(told(events), ['offsets gone back'])
  t.deepEqual(told(events, [27]), [])
})
