/** Kafka's scripts for clusters, on three brokers. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Brokers, until } from '../support/brokers.js'
import { attempt } from '../support/program.js'
import { batchOf, produce } from '../support/records.js'
import { jars, javaArgs, type Tool } from './kafka-tools.js'

const toolTest = jars.missing
  ? (title: string, _run: unknown) => test.skip(`${title} (skipped: ${jars.missing})`, () => {})
  : test.serial

function tool(brokers: Brokers, name: Tool, ...args: string[]) {
  return attempt('java', javaArgs(name, ['--bootstrap-server', brokers.bootstrap(1), ...args]), {
    timeoutMs: 240_000,
  })
}

toolTest(
  'kafka-leader-election moves leaders to the preferred replicas, and says where it cannot',
  async (t) => {
    await using brokers = await Brokers.start()
    await brokers.createTopic('orders', [
      [1, 2],
      [2, 3],
      [3, 1],
    ])
    await brokers.elect('orders', 2, undefined, 0)
    await brokers.stop(3)
    await brokers.elect('orders', 1, [1], 2)
    const all = ['--election-type', 'preferred', '--all-topic-partitions']
    const first = await tool(brokers, 'kafka-leader-election', ...all)
    t.regex(first.stdout, /Successfully completed leader election \(PREFERRED\) for partitions orders-0/)
    t.is((await brokers.partition('orders', 0)).leader, 1)
    t.regex(
      first.stdout + first.stderr,
      /for partition: orders-2: org\.apache\.kafka\.common\.errors\.PreferredLeaderNotAvailableException/,
    )
    const one = ['--election-type', 'unclean', '--topic', 'orders', '--partition', '1']
    const second = await tool(brokers, 'kafka-leader-election', ...one)
    t.regex(second.stdout, /Valid replica already elected for partitions orders-1/)
  },
)

toolTest('kafka-reassign-partitions moves partitions, slowly or not, and goes back', async (t) => {
  await using brokers = await Brokers.start({ hasController: true })
  await brokers.createTopic('orders', [
    [1, 2],
    [2, 1],
  ])
  await produce(brokers.client(1), 'orders', batchOf(['x'.repeat(1_000)]))
  await produce(brokers.client(2), 'orders', batchOf(['x'.repeat(1_000)]), { partition: 1 })
  const folder = await mkdtemp(join(tmpdir(), 'odradek-reassign-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const reassign = async (file: string, ...args: string[]) => {
    const words = [...args, '--reassignment-json-file', file]
    const { stdout, stderr } = await tool(brokers, 'kafka-reassign-partitions', ...words)
    return stdout + stderr
  }
  const write = async (name: string, targets: number[][]) => {
    const partitions = targets.map((ids, partition) => ({ topic: 'orders', partition, replicas: ids }))
    await writeFile(join(folder, name), JSON.stringify({ version: 1, partitions }))
    return join(folder, name)
  }
  const moves = await write('moves.json', [[3, 1], [3]])
  const replicas = async () =>
    (await Promise.all([0, 1].map((index) => brokers.partition('orders', index)))).map(
      (partition) => partition.replicas,
    )

  const held = await reassign(moves, '--execute', '--throttle', '0')
  t.regex(held, /throttle limit was set to 0 B\/s\nSuccessfully started .* for orders-0,orders-1/)
  t.deepEqual(await replicas(), [
    [3, 1, 2],
    [3, 2, 1],
  ])
  const cancelled = await reassign(moves, '--cancel')
  t.regex(cancelled, /Successfully cancelled partition reassignments for: orders-0,orders-1/)
  t.regex(cancelled, /Clearing broker-level throttles on brokers 1,2,3/)
  t.deepEqual(await replicas(), [
    [1, 2],
    [2, 1],
  ])

  await reassign(moves, '--execute')
  await until(async () => (await replicas()).join(' ') === '3,1 3')
  t.regex(await reassign(moves, '--verify'), /orders-0 is completed\.\n.* orders-1 is completed/)
})
