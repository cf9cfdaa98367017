import test from 'ava'
import { alterFully, alterIncrementally, ConfigOperationCode } from '../../lib/config/index.js'

const { SET, DELETE, APPEND, SUBTRACT } = ConfigOperationCode
const current = new Map([
  ['retention.ms', '5'],
  ['segment.ms', '6'],
])

function altered(operations: [name: string, operation: number, value: string | null][], from = current) {
  const list = operations.map(([name, operation, value]) => ({ name, operation, value }))
  return Object.fromEntries(alterIncrementally('topic', from, list, () => ['delete']))
}

test('set and delete touch what they name, and nothing else', (t) => {
  t.deepEqual(
    altered([
      ['retention.ms', SET, '7'],
      ['segment.ms', DELETE, null],
    ]),
    { 'retention.ms': '7' },
  )
  t.is(current.get('retention.ms'), '5')
})

test('append and subtract start from the value that counts', (t) => {
  t.deepEqual(altered([['cleanup.policy', APPEND, 'compact']], new Map()), {
    'cleanup.policy': 'delete,compact',
  })
  t.deepEqual(altered([['cleanup.policy', APPEND, 'delete']], new Map()), { 'cleanup.policy': 'delete' })
  t.deepEqual(
    altered([['cleanup.policy', SUBTRACT, 'delete']], new Map([['cleanup.policy', 'compact,delete']])),
    {
      'cleanup.policy': 'compact',
    },
  )
})

test('append to what is no list is refused', (t) => {
  t.throws(() => altered([['retention.ms', APPEND, '1']]), { code: 'NOT_A_LIST' })
  t.throws(() => altered([['no.such', SUBTRACT, '1']]), { code: 'NOT_A_LIST' })
})

test('operations that cannot be read are refused', (t) => {
  t.throws(() => altered([['retention.ms', SET, null]]), { code: 'INVALID_OPERATION' })
  t.throws(() => altered([['retention.ms', 9, '1']]), { code: 'INVALID_OPERATION' })
  t.throws(() => altered([['', SET, '1']]), { code: 'INVALID_OPERATION' })
  t.throws(
    () =>
      altered([
        ['retention.ms', SET, '1'],
        ['retention.ms', DELETE, null],
      ]),
    { code: 'INVALID_OPERATION' },
  )
})

test('a full change keeps only what is given', (t) => {
  t.deepEqual(Object.fromEntries(alterFully([{ name: 'a', value: '1' }])), { a: '1' })
  t.throws(() => alterFully([{ name: 'a', value: null }]), { code: 'INVALID_OPERATION' })
  t.throws(
    () =>
      alterFully([
        { name: 'a', value: '1' },
        { name: 'a', value: '2' },
      ]),
    { code: 'INVALID_OPERATION' },
  )
})
