import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import { FrameBudget } from '../../lib/network/frame-budget.js'
import { FrameReader } from '../../lib/network/frame-reader.js'
import { type PlaintextOptions, PlaintextTransport } from '../../lib/network/plaintext-transport.js'
import { RawClient } from '../support/serving.js'

async function accept(t: ExecutionContext): Promise<Socket> {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const accepted = once(server, 'connection')
  await RawClient.connect(t, (server.address() as { port: number }).port)
  return ((await accepted) as [Socket])[0]
}

function start(t: ExecutionContext, socket: Socket, options: PlaintextOptions): PlaintextTransport {
  const transport = new PlaintextTransport(socket, options)
  const sink = { frame: () => {}, oversized: () => {}, tooSlow: () => {}, flow: () => {} }
  const reader = new FrameReader(sink, new FrameBudget(-1), { maxRequestBytes: 1000 })
  transport.start(reader, { ended: () => {}, disconnected: () => {} })
  t.teardown(() => transport.destroy())
  return transport
}

test("this Node's sockets can be read straight into the frames' buffers", async (t) => {
  const transport = start(t, await accept(t), { reading: 'direct', sending: 'sendfile' })
  t.is(transport.reading, 'direct')
})

test("'data' is taken when it is asked for, and where a socket's handle cannot be used", async (t) => {
  t.is(start(t, await accept(t), { reading: 'data', sending: 'copy' }).reading, 'data')
  const socket = await accept(t)
  const { _handle: handle } = socket as unknown as { _handle: { useUserBuffer: unknown } }
  Object.defineProperty(handle, 'useUserBuffer', { value: undefined })
  t.is(start(t, socket, { reading: 'direct', sending: 'copy' }).reading, 'data')
})
