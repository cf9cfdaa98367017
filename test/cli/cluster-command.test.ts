/** `odradek cluster`: a cluster on one machine, and how it is. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { etcdTest } from '../cluster/etcd-test.js'
import { odradek } from './odradek-program.js'

const main = new URL('../../lib/cli/main.js', import.meta.url).pathname

etcdTest('one command starts a cluster, another tells how it is, a signal stops it all', async (t) => {
  const cluster = spawn(process.execPath, [main, 'cluster', '--brokers', '3', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(cluster, 'exit')
  try {
    let said = ''
    while (!said.includes('\n')) said += (await once(cluster.stdout!, 'data'))[0]
    const bootstrap = /^odradek cluster ready on ((?:127\.0\.0\.1:\d+,?){3})\n$/.exec(said)?.[1]
    t.truthy(bootstrap, said)
    const created = await odradek('topics', 'create', 'x', '-b', bootstrap!, '--partitions', '2', '-r', '3')
    t.is(created.stderr, '')
    const { stdout } = await odradek('cluster', 'status', '-b', bootstrap!, '--json')
    const { brokers, controllerId, ...rest } = JSON.parse(stdout)
    t.deepEqual(
      brokers.map(({ nodeId }: { nodeId: number }) => nodeId),
      [1, 2, 3],
    )
    t.true([1, 2, 3].includes(controllerId))
    t.like(rest, { topics: 1, partitions: 2, offline: [] })
  } finally {
    cluster.kill('SIGINT')
  }
  t.deepEqual(await ended, [0, null])
})

test('without etcd one line says how to get it', async (t) => {
  const cluster = spawn(process.execPath, [main, 'cluster'], {
    env: { PATH: '/nowhere' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  cluster.stderr!.on('data', (bytes) => {
    said += bytes
  })
  t.deepEqual(await once(cluster, 'close'), [1, null])
  t.regex(said, /^odradek cluster: .*no(?:ne| etcd) on PATH.*\n$/)
})
