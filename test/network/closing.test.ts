import test from 'ava'
import type { Connection, ResponsePart } from '../../lib/network/index.js'
import { echo, frameOf, RawClient, serve, transports, until } from '../support/serving.js'

for (const transport of transports) {
  const name = `${transport.reading}: `

  test(`${name}a closed connection aborts its signal and calls back once`, async (t) => {
    const seen: Connection[] = []
    const events: string[] = []
    const handler = (_frame: Buffer, connection: Connection) => {
      seen.push(connection)
      connection.onClose(() => events.push('closed'))
      connection.signal.addEventListener('abort', () => events.push('aborted'))
      return new Promise<ResponsePart[]>(() => {})
    }
    const { listener, lines } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('x'))
    await until(() => seen.length === 1)
    const connection = seen[0]!
    t.false(connection.closed)
    client.socket.resetAndDestroy()
    await until(() => connection.closed)
    t.deepEqual(events.toSorted(), ['aborted', 'closed'])
    t.true(connection.signal.aborted)
    connection.onClose(() => events.push('late'))
    t.is(events.at(-1), 'late')
    t.deepEqual(lines, [], 'a reset is no event for an operator')
  })

  test(`${name}a connection knows both its ends`, async (t) => {
    const handler = (frame: Buffer, connection: Connection) => {
      const { listenerName, remoteAddress, remotePort, localAddress } = connection
      const facts = { listenerName, remoteAddress, remotePort, localAddress }
      return [Buffer.from(JSON.stringify(facts)), frame.subarray(0, 0)]
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf(''))
    t.deepEqual(JSON.parse((await client.receive())!.toString()), {
      listenerName: 'PLAINTEXT',
      remoteAddress: '127.0.0.1',
      remotePort: client.socket.localPort,
      localAddress: '127.0.0.1',
    })
  })

  test(`${name}a client that has sent its last byte still gets its answers`, async (t) => {
    const handler = async (frame: Buffer) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return [frame]
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('one'), frameOf('two'))
    client.socket.end()
    t.is((await client.receive())?.toString(), 'one')
    t.is((await client.receive())?.toString(), 'two')
    await client.closed()
    await until(() => listener.connectionCount === 0)
  })

  test(`${name}a client that leaves with an unfinished frame is closed quietly`, async (t) => {
    const { listener, lines, budget } = await serve(t, echo, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf(Buffer.alloc(100_000)).subarray(0, 70_000))
    await until(() => budget.held > 0)
    client.socket.end()
    await client.closed()
    await until(() => listener.connectionCount === 0)
    t.is(budget.held, 0)
    t.deepEqual(lines, [])
  })

  test(`${name}closing a listener answers what is under way, and takes nothing new`, async (t) => {
    let answer: (parts: ResponsePart[]) => void = () => {}
    let started = 0
    const handler = () => {
      started++
      return new Promise<ResponsePart[]>((resolve) => {
        answer = resolve
      })
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    const idle = await RawClient.connect(t, listener.port)
    await client.send(frameOf('under way'))
    await until(() => started === 1)
    const closed = listener.close(60_000)
    await idle.closed()
    await client.send(frameOf('too late'))
    await t.throwsAsync(RawClient.connect(t, listener.port), { code: 'ECONNREFUSED' })
    answer([Buffer.from('done')])
    t.is((await client.receive())?.toString(), 'done')
    await client.closed()
    await closed
    t.is(started, 1)
    t.is(listener.connectionCount, 0)
  })

  test(`${name}closing a listener waits no longer than it is told`, async (t) => {
    let started = false
    const handler = () => {
      started = true
      return new Promise<ResponsePart[]>(() => {})
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('never answered'))
    await until(() => started)
    await listener.close(50)
    await client.closed()
    t.is(listener.connectionCount, 0)
  })
}

test('a response that is too large for a frame closes its connection, and nothing else', async (t) => {
  const part = Buffer.alloc(2 ** 28)
  const handler = async (frame: Buffer) => (frame[0] === 1 ? Array<Buffer>(8).fill(part) : [frame])
  const { listener, budget, lines } = await serve(t, handler)
  const bystander = await RawClient.connect(t, listener.port)
  const client = await RawClient.connect(t, listener.port)
  await client.send(frameOf(Buffer.from([1])), frameOf('behind it'))
  t.is(await client.receive(), undefined)
  t.regex(lines[0]!.msg, /a response of 2147483648 bytes/)
  await bystander.send(frameOf('x'))
  t.is((await bystander.receive())?.toString(), 'x')
  t.is(budget.held, 0)
})

test('an address that is taken is refused with its error', async (t) => {
  const { listener } = await serve(t, echo)
  const { listen } = await import('../../lib/network/index.js')
  const { limits, budget, connections } = await serve(t, echo)
  const options = {
    host: '127.0.0.1',
    port: listener.port,
    listenerName: 'X',
    accept: () => (frame: Buffer) => [frame],
    limits,
    budget,
  }
  const { pino } = await import('pino')
  const log = pino({ level: 'silent' })
  await t.throwsAsync(listen({ ...options, connections, log }), { code: 'EADDRINUSE' })
})
