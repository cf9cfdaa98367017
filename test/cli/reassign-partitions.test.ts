/** `odradek reassign-partitions` on a cluster in this process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Brokers, until } from '../support/brokers.js'
import { odradek } from '../support/odradek-program.js'
import { batchOf, produce } from '../support/records.js'

test('partitions are spread, moved slowly, looked after, and moved back', async (t) => {
  await using brokers = await Brokers.start({ ids: [1, 2, 3], hasController: true })
  await brokers.createTopic('orders', [[1], [1]])
  for (const partition of [0, 1])
    await produce(brokers.client(1), 'orders', batchOf(['x'.repeat(1_000)]), { partition })
  const run = async (...words: string[]) => {
    const answer = await odradek('reassign-partitions', ...words, '-b', brokers.bootstrap(1))
    return { ...answer, said: answer.stdout + answer.stderr }
  }
  const begun = await run('execute', 'orders', '--broker-list', '2,3', '--throttle', '0')
  t.regex(begun.said, /throttle limit was set to 0 B\/s.*\nSuccessfully started .* for orders-0, orders-1\n$/)
  const { stdout: listed } = await run('--list')
  t.regex(
    listed,
    /^Current .*\norders-0: replicas: 2,1\. adding: 2\. removing: 1\.\norders-1: replicas: 3,1\./,
  )
  const { stdout: described } = await odradek('topics', 'describe', 'orders', '-b', brokers.bootstrap(1))
  t.regex(
    described,
    /ReplicationFactor: 1\t.*\n.*Replicas: 2,1\tIsr: 1\tAdding Replicas: 2\tRemoving Replicas: 1/,
  )
  const folder = await mkdtemp(join(tmpdir(), 'odradek-moves-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'moves.json')
  const partitions = [{ topic: 'orders', partition: 0, replicas: [2] }]
  await writeFile(file, JSON.stringify({ version: 1, partitions }))
  const cancelled = await run('cancel', 'orders', '--preserve-throttles')
  t.regex(cancelled.said, /^Successfully cancelled partition reassignments for: orders-0, orders-1\n$/)
  t.deepEqual((await brokers.partition('orders')).replicas, [1])

  const slow = await run('--execute', '--reassignment-json-file', file)
  t.regex(slow.said, /Successfully started partition reassignments for orders-0\n$/)
  const faster = await run(
    'execute',
    '--additional',
    '--reassignment-json-file',
    file,
    '--throttle',
    '1000000000',
  )
  t.is(faster.stderr, '')
  await until(async () => (await brokers.partition('orders')).replicas.join() === '2')
  const { said: done } = await run('--verify', '--reassignment-json-file', file)
  t.regex(done, /orders-0 is completed\.\n\nClearing broker-level throttles on brokers 1,2,3\n/)
  const { results } = await brokers.client(1).send('DescribeConfigs', {
    resources: [{ resourceType: 2, resourceName: 'orders', configurationKeys: null }],
  })
  const throttled = results[0]!.configs.filter(({ name }) => name.includes('throttled'))
  t.deepEqual(
    throttled.map(({ value }) => value),
    ['', ''],
  )
})
