import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import { ConnectionClosedError, type DialOptions, dial, type ResponsePart } from '../../lib/network/index.js'
import { announce, echo, frameOf, serve } from '../support/serving.js'

async function dialTo(t: ExecutionContext, port: number, options: Partial<DialOptions> = {}) {
  const client = await dial({
    host: '127.0.0.1',
    port,
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    maxResponseBytes: 10_000_000,
    ...options,
  })
  t.teardown(() => client.close())
  return client
}

test('requests may be pipelined; each gets the response of its turn', async (t) => {
  const { listener } = await serve(t, async (frame) => [frame])
  const client = await dialTo(t, listener.port)
  const bodies = Array.from({ length: 200 }, (_, i) => randomBytes(i * i))
  const responses = await Promise.all(bodies.map((body) => client.send(body)))
  t.true(responses.every((response, i) => response.equals(bodies[i]!)))
  t.is((await client.send([Buffer.from('in '), Buffer.from('parts')])).toString(), 'in parts')
  t.is(client.inFlight, 0)
})

test('a request without a response does not shift the others', async (t) => {
  const { listener } = await serve(t, (frame) => (frame.toString() === 'one way' ? null : [frame]))
  const client = await dialTo(t, listener.port)
  const first = client.send(Buffer.from('first'))
  const oneWay = client.sendOneWay(Buffer.from('one way'))
  const second = client.send(Buffer.from('second'))
  await oneWay
  t.is((await first).toString(), 'first')
  t.is((await second).toString(), 'second')
})

test('a request that times out closes the connection and rejects what is under way', async (t) => {
  const never = new Promise<ResponsePart[]>(() => {})
  const { listener } = await serve(t, () => never)
  const client = await dialTo(t, listener.port)
  const errors: Error[] = []
  client.onClose((error) => errors.push(error))
  const outcomes = await Promise.allSettled([
    client.send(Buffer.from('a'), 30),
    client.send(Buffer.from('b')),
  ])
  for (const outcome of outcomes) {
    const error = outcome.status === 'rejected' ? outcome.reason : undefined
    t.true(error instanceof ConnectionClosedError && error.timedOut)
  }
  t.is(errors.length, 1)
  t.true(client.closed)
  await t.throwsAsync(client.send(Buffer.from('c')), { instanceOf: ConnectionClosedError })
  await t.throwsAsync(client.sendOneWay(Buffer.from('c')), { instanceOf: ConnectionClosedError })
})

test('a broker that goes away rejects what is under way', async (t) => {
  const { listener } = await serve(t, (_frame, connection) => {
    setImmediate(() => connection.close('test'))
    return new Promise<ResponsePart[]>(() => {})
  })
  const client = await dialTo(t, listener.port)
  const error = await t.throwsAsync(client.send(Buffer.from('a')), { instanceOf: ConnectionClosedError })
  t.false((error as ConnectionClosedError).timedOut)
})

test('an address where nobody listens is refused, with the cause', async (t) => {
  const { listener } = await serve(t, echo)
  await listener.close()
  const error = await t.throwsAsync(dialTo(t, listener.port), { instanceOf: ConnectionClosedError })
  t.is((error!.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED')
})

test('dialling is given up by its signal, and so is an open connection', async (t) => {
  const { listener } = await serve(t, echo)
  await t.throwsAsync(dialTo(t, listener.port, { signal: AbortSignal.abort() }), { message: /aborted/ })
  const abort = new AbortController()
  const client = await dialTo(t, listener.port, { signal: abort.signal })
  abort.abort()
  t.true(client.closed)
})

test('a response too large, or one that nobody asked for, closes the connection', async (t) => {
  for (const bytes of [announce(10_000_001), announce(-5), frameOf('unasked')]) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.write(bytes)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const client = await dialTo(t, (server.address() as { port: number }).port)
    await new Promise<void>((resolve) => client.onClose(() => resolve()))
    t.true(client.closed)
  }
})
