import { createHash, randomBytes } from 'node:crypto'
import test from 'ava'
import { MalformedFrameError, recycleFrame } from '../../lib/network/index.js'
import { announce, echo, frameOf, RawClient, serve, transports } from '../support/serving.js'

const digest = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest()

for (const transport of transports) {
  const name = `${transport.reading}: `

  test(`${name}a frame is handed on without its size, a response gets one`, async (t) => {
    const { listener } = await serve(t, (frame) => [Buffer.from('<'), frame, Buffer.from('>')], { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('hello'))
    t.is((await client.receive())?.toString(), '<hello>')
  })

  test(`${name}frames that arrive one byte at a time are whole`, async (t) => {
    const { listener } = await serve(t, echo, { transport })
    const client = await RawClient.connect(t, listener.port)
    for (const byte of Buffer.concat([frameOf('first'), frameOf('second')]))
      await client.send(Buffer.of(byte))
    t.is((await client.receive())?.toString(), 'first')
    t.is((await client.receive())?.toString(), 'second')
  })

  test(`${name}10,000 tiny frames in one write are all answered in order`, async (t) => {
    const { listener, budget } = await serve(t, echo, { transport })
    const client = await RawClient.connect(t, listener.port)
    const sent = client.send(...Array.from({ length: 10_000 }, (_, i) => frameOf(String(i))))
    for (let i = 0; i < 10_000; i++) {
      const body = (await client.receive())?.toString()
      if (body !== String(i)) t.is(body, String(i))
    }
    await sent
    t.is(budget.held, 0)
  })

  test(`${name}frames of all sizes arrive as they were sent, in whatever pieces`, async (t) => {
    const { listener, budget } = await serve(t, async (frame) => [digest(frame)], { transport })
    const client = await RawClient.connect(t, listener.port)
    const bodies = [
      0, 1, 3, 4, 16383, 16384, 65531, 65532, 65533, 65536, 131072, 1_000_003, 5_000_000, 7, 300_000, 0,
    ]
      .flatMap((size) => [size, size])
      .map((size) => randomBytes(size))
    const all = Buffer.concat(bodies.map(frameOf))
    const sending = (async () => {
      for (let at = 0; at < all.length; ) {
        const end = at + 1 + Math.floor(Math.random() ** 3 * 400_000)
        await client.send(all.subarray(at, end))
        at = end
      }
    })()
    for (const body of bodies) t.deepEqual(await client.receive(), digest(body))
    await sending
    t.is(budget.held, 0)
  })

  test(`${name}a frame stays as it is until it is answered, whatever arrives after it`, async (t) => {
    const held: Buffer[] = []
    let release: () => void = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const handler = async (frame: Buffer) => {
      held.push(frame)
      if (held.length === 40) release()
      await released
      return [digest(frame)]
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    const bodies = Array.from({ length: 40 }, (_, i) => randomBytes(i % 3 === 0 ? 100_000 : 50 * i))
    await client.send(...bodies.map(frameOf))
    for (const body of bodies) t.deepEqual(await client.receive(), digest(body))
  })

  test(`${name}large frames stay whole when their memory is used again`, async (t) => {
    const handler = async (frame: Buffer) => {
      await new Promise(setImmediate)
      const answer = digest(frame)
      recycleFrame(frame)
      return [answer]
    }
    const { listener } = await serve(t, handler, { transport, maxInFlightPerConnection: 4 })
    await Promise.all(
      Array.from({ length: 3 }, async () => {
        const client = await RawClient.connect(t, listener.port)
        const bodies = Array.from({ length: 30 }, (_, i) =>
          randomBytes(i % 4 === 0 ? 300 : 500_000 + i * 20_000),
        )
        const sending = client.send(...bodies.map(frameOf))
        for (const body of bodies) t.deepEqual(await client.receive(), digest(body))
        await sending
      }),
    )
  })

  test(`${name}a frame that is too large closes its connection and names the setting`, async (t) => {
    const { listener, lines } = await serve(t, echo, { transport, maxRequestBytes: 1000 })
    const other = await RawClient.connect(t, listener.port)
    for (const size of [1001, -1, -(2 ** 31), 2 ** 31 - 1]) {
      const client = await RawClient.connect(t, listener.port)
      await client.send(announce(size))
      await client.closed()
      t.is(lines.length, 1)
      const { msg, client: address } = lines.pop()!
      t.true(msg.includes('socket.request.max.bytes') && msg.includes(String(size)), msg)
      t.is(address, `127.0.0.1:${client.socket.localPort}`)
    }
    await other.send(frameOf(Buffer.alloc(1000)))
    t.is((await other.receive())?.length, 1000)
  })

  test(`${name}a malformed frame closes its connection alone, with one line`, async (t) => {
    const failures: Record<string, () => never> = {
      malformed: () => {
        throw new MalformedFrameError('array of 5000000 elements in 12 bytes')
      },
      unexpected: () => {
        throw new TypeError('undefined is not a function')
      },
    }
    for (const [kind, fail] of Object.entries(failures)) {
      for (const when of ['at once', 'later']) {
        const handler = (frame: Buffer) => {
          if (frame.toString() !== 'bad') return [frame]
          return when === 'later' ? Promise.resolve().then(fail) : fail()
        }
        const { listener, lines, budget } = await serve(t, handler, { transport })
        const other = await RawClient.connect(t, listener.port)
        const client = await RawClient.connect(t, listener.port)
        await client.send(frameOf('good'), frameOf('bad'), frameOf('good'))
        await client.closed()
        t.is(lines.length, 1, `${kind} ${when}`)
        t.true(JSON.stringify(lines[0]).includes(`127.0.0.1:${client.socket.localPort}`))
        if (kind === 'malformed') t.true(lines[0]!.msg.includes('array of 5000000 elements'))
        await other.send(frameOf('still here'))
        t.is((await other.receive())?.toString(), 'still here')
        t.is(budget.held, 0)
      }
    }
  })
}
