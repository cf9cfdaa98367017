/** `odradek cluster`: a cluster on one machine, and how it is. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { etcdTest } from '../support/etcd-test.js'
import { odradek } from '../support/odradek-program.js'
import { RunningProgram } from '../support/program.js'

function accepts(address: string): Promise<boolean> {
  const [host, port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Rejects where it ends before it has said anything. */
async function firstLine(cluster: RunningProgram): Promise<string> {
  await cluster.until('the cluster being ready', () => cluster.stdout.includes('\n'), 360_000)
  return cluster.stdout
}

const main = new URL('../../lib/cli/main.js', import.meta.url).pathname

etcdTest('one command starts a cluster, another tells how it is, a signal stops it all', async (t) => {
  const cluster = new RunningProgram(process.execPath, [main, 'cluster', '--brokers', '3', '--port', '0'])
  try {
    const said = await firstLine(cluster)
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
    t.like(rest, { topics: 1, partitions: 2, offline: [], reassigning: [] })
  } finally {
    cluster.child.kill('SIGINT')
  }
  t.is((await cluster.ended).code, 0)
})

etcdTest('when the program is killed, what it started ends too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-killed-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const args = ['cluster', '--brokers', '1', '--port', '0', '--data', folder]
  const cluster = new RunningProgram(process.execPath, [main, ...args])
  const said = await firstLine(cluster)
  const bootstrap = /ready on (127\.0\.0\.1:\d+)/.exec(said)![1]!
  const { stdout } = await odradek('configs', 'describe', '--broker', '1', '--all', '--json', '-b', bootstrap)
  const etcd = /127\.0\.0\.1:\d+/.exec(stdout)![0]
  t.true(await accepts(etcd))
  // Their ends of its pipes close when the last of them has ended.
  t.is((await cluster.stop('SIGKILL')).code, null)
  for (const address of [bootstrap, etcd]) while (await accepts(address)) await delay(20)
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
