/** What peers announce, send and fail to read does not make the process grow. Measured as resident memory. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import { dial } from '../../lib/network/index.js'
import { announce, frameOf } from '../support/serving.js'

const MB = 1_000_000
const program = fileURLToPath(new URL('memory-server.js', import.meta.url))

async function startServer(t: ExecutionContext, ...args: string[]) {
  const server = fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.teardown(() => server.kill())
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  return { server, port }
}

/** `peak` is above what the process had at its start. */
async function report(server: ChildProcess): Promise<{ peak: number; connections: number }> {
  server.send('report')
  return ((await once(server, 'message')) as [{ peak: number; connections: number }])[0]
}

/**
 * `count` connections that each send `bytes` and read nothing. All are there before the first of them sends: whoever
 * keeps others waiting is closed, on a slow machine before the last has come.
 */
async function occupy(
  t: ExecutionContext,
  { server, port }: { server: ChildProcess; port: number },
  count: number,
  bytes: (i: number) => Uint8Array,
) {
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let i = 0; i < count; i++) {
    const socket = createConnection({ host: '127.0.0.1', port })
    sockets.push(socket)
    socket.on('error', () => {})
    socket.pause()
    await once(socket, 'connect')
  }
  let { connections } = await report(server)
  while (connections < count) ({ connections } = await report(server))
  for (const [i, socket] of sockets.entries()) socket.write(bytes(i))
}

/** Small and large requests of another client, while whatever else goes on. Gives the slowest one's time. */
async function slowestRequest(t: ExecutionContext, port: number, rounds: number): Promise<number> {
  // How long a machine may take says nothing; a client that is held up for good gets no answer at all.
  const timeouts = { connectTimeoutMs: 90_000, requestTimeoutMs: 90_000 }
  const client = await dial({ host: '127.0.0.1', port, maxResponseBytes: 100, ...timeouts })
  t.teardown(() => client.close())
  let slowest = 0
  for (let i = 0; i < rounds; i++) {
    for (const size of [100, 20_000, 1_000_000]) {
      const start = performance.now()
      const response = await client.send(Buffer.alloc(size))
      slowest = Math.max(slowest, performance.now() - start)
      if (response.toString() !== String(size)) t.fail(`${response} for a request of ${size} bytes`)
    }
  }
  return slowest
}

test.serial(
  '1,000 connections that each announce 100 MB take less than 150 MB in all, and others go on',
  async (t) => {
    const { server, port } = await startServer(t)
    const some = Buffer.concat([announce(100 * MB), Buffer.alloc(250_000)])
    // A size alone, a little of the frame, and so much that all together pass the budget.
    const amounts = [4, 5_000, 60_000, 250_000]
    await occupy(t, { server, port }, 1000, (i) => some.subarray(0, amounts[i % amounts.length]))
    const slowest = await slowestRequest(t, port, 30)
    const { peak } = await report(server)
    t.log(`peak ${Math.round(peak / MB)} MB, slowest request of another client ${Math.round(slowest)} ms`)
    t.true(peak < 150 * MB, `${peak} bytes`)
  },
)

test.serial('300 connections that keep sending 100 MB frames stay bounded, and others go on', async (t) => {
  const { server, port } = await startServer(t)
  const some = Buffer.concat([announce(100 * MB), Buffer.alloc(2 * MB)])
  await occupy(t, { server, port }, 300, () => some)
  const slowest = await slowestRequest(t, port, 10)
  const { peak } = await report(server)
  t.log(`peak ${Math.round(peak / MB)} MB, slowest request of another client ${Math.round(slowest)} ms`)
  t.true(peak < 250 * MB, `${peak} bytes`)
})

test.serial('200 clients that do not read their 20 MB responses hold little memory', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-memory-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'segment')
  writeFileSync(path, Buffer.alloc(20 * MB))
  const { server, port } = await startServer(t, path, String(20 * MB))
  await occupy(t, { server, port }, 200, () =>
    Buffer.concat([frameOf('file'), frameOf('file'), frameOf('file')]),
  )
  const slowest = await slowestRequest(t, port, 5)
  const { peak } = await report(server)
  t.log(`peak ${Math.round(peak / MB)} MB, slowest request of another client ${Math.round(slowest)} ms`)
  t.true(peak < 150 * MB, `${peak} bytes`)
})
