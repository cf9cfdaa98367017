/** Kafka's scripts for clusters, on three brokers. */
import test from 'ava'
import { Brokers } from '../cluster/brokers.js'
import { jars, javaArgs, type Tool } from './kafka-tools.js'
import { attempt } from './program.js'

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
