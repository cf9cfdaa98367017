/** What a broker's log lines meet: full disks, readers that are gone or do not read. The broker serves on. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test, { type ExecutionContext } from 'ava'
import { CLEAN_SHUTDOWN_FILE } from '../../lib/log/log-file-names.js'
import { main, temporaryFolder } from '../support/serve-process.js'
import { TestClient } from '../support/test-client.js'

type Output = 'pipe' | number

async function serve(folder: string, stderr: Output, stdout: Output = 'pipe') {
  const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--data', folder], {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'debug' },
    stdio: ['ignore', stdout, stderr],
  })
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  return { child, ended }
}

async function readyPort(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) {
    return Number(/:(\d+)$/.exec(line)![1])
  }
  throw new Error('it ended before it was ready')
}

/** Each makes a line at the level debug. */
async function openAndClose(port: number, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
  }
}

async function servesAndStops(
  t: ExecutionContext,
  { child, ended }: Awaited<ReturnType<typeof serve>>,
  port: number,
  folder: string,
): Promise<void> {
  using client = await TestClient.connect(`127.0.0.1:${port}`)
  t.is(
    (await client.send('ApiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' })).errorCode,
    0,
  )
  child.kill('SIGTERM')
  t.deepEqual(await ended, [0, null])
  t.true(existsSync(join(folder, CLEAN_SHUTDOWN_FILE)), 'it stopped cleanly')
}

const fullTest = existsSync('/dev/full') ? test : test.skip

fullTest('a full disk under the log lines', async (t) => {
  await using folder = await temporaryFolder()
  const full = openSync('/dev/full', 'w')
  const process = await serve(folder.path, full)
  closeSync(full)
  const port = await readyPort(process.child)
  await openAndClose(port, 20)
  await servesAndStops(t, process, port, folder.path)
})

test('standard error and standard output whose readers are gone', async (t) => {
  await using folder = await temporaryFolder()
  const process = await serve(folder.path, 'pipe')
  process.child.stderr!.destroy()
  const port = await readyPort(process.child)
  process.child.stdout!.destroy()
  await openAndClose(port, 20)
  await servesAndStops(t, process, port, folder.path)
})

test('a reader that does not read', async (t) => {
  await using folder = await temporaryFolder()
  const process = await serve(folder.path, 'pipe')
  const port = await readyPort(process.child)
  // A line has some 150 bytes, a pipe holds 64 KiB.
  await openAndClose(port, 1_000)
  await servesAndStops(t, process, port, folder.path)
  process.child.stderr!.destroy()
})

test('lines that a file took are all there after a clean stop', async (t) => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'log')
  const file = openSync(path, 'a')
  const process = await serve(join(folder.path, 'data'), file)
  closeSync(file)
  const port = await readyPort(process.child)
  await openAndClose(port, 50)
  await servesAndStops(t, process, port, join(folder.path, 'data'))
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.is(lines.at(-1).msg, 'stopped')
  t.true(lines.filter(({ msg }) => msg.startsWith('connection closed')).length >= 50)
})

test('SIGHUP stops it cleanly, as a closed terminal does', async (t) => {
  await using folder = await temporaryFolder()
  const { child, ended } = await serve(folder.path, 'pipe')
  await readyPort(child)
  child.kill('SIGHUP')
  t.deepEqual(await ended, [0, null])
  t.true(existsSync(join(folder.path, CLEAN_SHUTDOWN_FILE)))
})
