import test from 'ava'
import type { ResponsePart } from '../../lib/network/index.js'
import {
  announce,
  echo,
  frameOf,
  RawClient,
  serve,
  settledAt,
  transports,
  until,
} from '../support/serving.js'

for (const transport of transports) {
  const name = `${transport.reading}: `

  test(`${name}a connection has at most so many requests in flight, and goes on as they are answered`, async (t) => {
    const open: (() => void)[] = []
    let started = 0
    const handler = (frame: Buffer) => {
      started++
      return new Promise<ResponsePart[]>((resolve) => open.push(() => resolve([frame])))
    }
    const { listener } = await serve(t, handler, { transport, maxInFlightPerConnection: 5 })
    const client = await RawClient.connect(t, listener.port)
    await client.send(...Array.from({ length: 12 }, (_, i) => frameOf(`request ${i}`)))
    await until(() => started === 5)
    t.is(await settledAt(() => started), 5)
    for (let i = 0; i < 12; i++) {
      await until(() => open.length > 0)
      open.shift()!()
      t.is((await client.receive())?.toString(), `request ${i}`)
    }
    t.is(started, 12)
  })

  test(`${name}a connection has at most so many bytes of requests in flight, one frame at least`, async (t) => {
    const open: (() => void)[] = []
    const handler = (frame: Buffer) =>
      new Promise<ResponsePart[]>((resolve) => open.push(() => resolve([frame.subarray(0, 1)])))
    const { listener } = await serve(t, handler, { transport, maxInFlightBytesPerConnection: 300_000 })
    const client = await RawClient.connect(t, listener.port)
    const sending = client.send(...Array.from({ length: 6 }, () => frameOf(Buffer.alloc(200_000))))
    await until(() => open.length === 2)
    t.is(await settledAt(() => open.length), 2)
    for (let i = 0; i < 6; i++) {
      await until(() => open.length > 0)
      open.shift()!()
      await client.receive()
    }
    await sending
    const large = client.send(frameOf(Buffer.alloc(1_000_000)))
    await until(() => open.length === 1)
    open.shift()!()
    t.is((await client.receive())?.length, 1)
    await large
  })

  test(`${name}a client that does not read its responses is not read either, and loses nothing`, async (t) => {
    const response = Buffer.alloc(100_000, 1)
    let started = 0
    const handler = (frame: Buffer) => {
      started++
      return [frame, response]
    }
    const { listener } = await serve(t, handler, { transport, maxQueuedResponseBytesPerConnection: 500_000 })
    const client = await RawClient.connect(t, listener.port)
    client.socket.pause()
    const total = 1000
    const sending = client.send(...Array.from({ length: total }, (_, i) => frameOf(String(i).padStart(1000))))
    const stalledAt = await settledAt(() => started, 100)
    t.true(stalledAt < total / 2, `${stalledAt} requests started for a client that reads nothing`)
    for (let i = 0; i < total; i++) {
      const body = await client.receive()
      if (body?.length !== 101_000 || Number(body.toString('latin1', 0, 1000)) !== i) t.fail(`response ${i}`)
    }
    await sending
    t.is(started, total)
  })

  test(`${name}an idle connection is closed quietly, one that waits for its answer is not`, async (t) => {
    let answer: (parts: ResponsePart[]) => void = () => {}
    const handler = () =>
      new Promise<ResponsePart[]>((resolve) => {
        answer = resolve
      })
    const { listener, lines } = await serve(t, handler, { transport, maxIdleMs: 300 })
    const waiting = await RawClient.connect(t, listener.port)
    await waiting.send(frameOf('wait'))
    // Each of the two has been idle for as long as the one that waits has had nothing to do.
    for (let i = 0; i < 2; i++) await (await RawClient.connect(t, listener.port)).closed()
    await until(() => listener.connectionCount <= 1)
    t.is(listener.connectionCount, 1)
    answer([Buffer.from('done')])
    t.is((await waiting.receive())?.toString(), 'done')
    t.deepEqual(lines, [])
  })

  test(`${name}a half-sent frame is idle too, though a byte of it drips in now and then`, async (t) => {
    const { listener, lines } = await serve(t, echo, { transport, maxIdleMs: 300 })
    const inHeader = await RawClient.connect(t, listener.port)
    await inHeader.send(Buffer.of(0, 0))
    const client = await RawClient.connect(t, listener.port)
    await client.send(announce(1000))
    const drip = setInterval(() => client.socket.write('x'), 10)
    t.teardown(() => clearInterval(drip))
    await Promise.all([client.closed(), inHeader.closed()])
    t.is(lines.length, 2)
    for (const { msg } of lines) t.regex(msg, /half sent.*connections\.max\.idle\.ms/)
  })

  test(`${name}a slow upload that keeps moving is not idle`, async (t) => {
    const { listener } = await serve(t, (frame) => [Buffer.of(frame.length >> 16)], {
      transport,
      maxIdleMs: 300,
    })
    const client = await RawClient.connect(t, listener.port)
    await client.send(announce(10 * 70_000))
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      await client.send(Buffer.alloc(70_000))
    }
    t.deepEqual(await client.receive(), Buffer.of(700_000 >> 16))
  })

  test(`${name}a client that never takes its responses is closed`, async (t) => {
    const response = Buffer.alloc(20_000_000)
    const { listener, lines } = await serve(t, () => [response], { transport, maxIdleMs: 300 })
    const client = await RawClient.connect(t, listener.port)
    client.socket.pause()
    await client.send(frameOf('x'))
    await until(() => listener.connectionCount === 0)
    t.regex(lines[0]!.msg, /not taken.*connections\.max\.idle\.ms/)
  })
}

test('max.connections bounds all listeners together; a closed connection makes room', async (t) => {
  const { listener, lines, connections } = await serve(t, echo, { maxConnections: 2 })
  const first = await RawClient.connect(t, listener.port)
  await RawClient.connect(t, listener.port)
  await until(() => connections.total === 2)
  const startedAt = performance.now()
  for (let i = 0; i < 5; i++) await (await RawClient.connect(t, listener.port)).closed()
  const seconds = (performance.now() - startedAt) / 1_000
  t.true(lines.length <= 1 + seconds, 'a flood of refused clients is no flood of lines: one a second')
  t.regex(lines[0]!.msg, /refused a connection from 127\.0\.0\.1 \(max\.connections\)/)
  first.socket.destroy()
  await until(() => connections.total === 1)
  const again = await RawClient.connect(t, listener.port)
  await again.send(frameOf('let in'))
  t.is((await again.receive())?.toString(), 'let in')
})

test('max.connections.per.ip bounds each address, its overrides go before it', async (t) => {
  const maxConnectionsPerIpOverrides = new Map([['127.0.0.3', 2]])
  const { listener, lines } = await serve(t, echo, { maxConnectionsPerIp: 1, maxConnectionsPerIpOverrides })
  const outcome = async (address: string) => {
    const client = await RawClient.connect(t, listener.port, address)
    await client.send(frameOf('hello'))
    return (await client.receive())?.toString() ?? 'refused'
  }
  t.is(await outcome('127.0.0.1'), 'hello')
  t.is(await outcome('127.0.0.1'), 'refused')
  t.is(await outcome('127.0.0.2'), 'hello')
  t.is(await outcome('127.0.0.3'), 'hello')
  t.is(await outcome('127.0.0.3'), 'hello')
  t.is(await outcome('127.0.0.3'), 'refused')
  t.is(lines[0]!.setting, 'max.connections.per.ip')
})

test('limits that change take effect on open connections', async (t) => {
  const { listener, limits } = await serve(t, echo)
  const client = await RawClient.connect(t, listener.port)
  await client.send(frameOf('0123456789'))
  t.is((await client.receive())?.length, 10)
  limits.maxRequestBytes = 9
  await client.send(frameOf('0123456789'))
  t.is(await client.receive(), undefined)
})
