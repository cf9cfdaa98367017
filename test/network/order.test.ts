import test from 'ava'
import type { ResponsePart } from '../../lib/network/index.js'
import { frameOf, RawClient, serve, transports } from '../support/serving.js'

for (const transport of transports) {
  const name = `${transport.reading}: `

  test(`${name}requests start in order of arrival without waiting, and are answered in that order`, async (t) => {
    const started: string[] = []
    const finish = new Map<string, (parts: ResponsePart[]) => void>()
    const handler = (frame: Buffer) => {
      started.push(frame.toString())
      return new Promise<ResponsePart[]>((resolve) => finish.set(frame.toString(), resolve))
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    const names = Array.from({ length: 20 }, (_, i) => `request ${i}`)
    await client.send(...names.map(frameOf))
    while (started.length < 20) await new Promise(setImmediate)
    t.deepEqual(started, names)
    for (const request of names.toReversed()) finish.get(request)!([Buffer.from(request)])
    for (const request of names) t.is((await client.receive())?.toString(), request)
  })

  test(`${name}a request without a response leaves no gap`, async (t) => {
    const handler = async (frame: Buffer) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
      return frame[0] === 0x6e ? null : [frame]
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(...['a', 'none', 'none', 'b', 'none', 'c'].map(frameOf))
    for (const expected of ['a', 'b', 'c']) t.is((await client.receive())?.toString(), expected)
  })

  test(`${name}one connection's slow request does not hold up another connection`, async (t) => {
    const never = new Promise<ResponsePart[]>(() => {})
    const { listener } = await serve(t, (frame) => (frame.toString() === 'slow' ? never : [frame]), {
      transport,
    })
    const slow = await RawClient.connect(t, listener.port)
    const quick = await RawClient.connect(t, listener.port)
    await slow.send(frameOf('slow'), frameOf('behind it'))
    await quick.send(frameOf('quick'))
    t.is((await quick.receive())?.toString(), 'quick')
  })

  test(`${name}responses of several parts and sizes stay whole and in order`, async (t) => {
    const large = Buffer.alloc(700_000, 7)
    const handler = (frame: Buffer) => {
      const count = frame.readUInt8(0)
      return Array.from({ length: count }, (_, i) => (i % 3 === 2 ? large : Buffer.alloc(i, count)))
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    const counts = [0, 1, 2, 3, 7, 0, 30, 5]
    await client.send(...counts.map((count) => frameOf(Buffer.of(count))))
    for (const count of counts) {
      const expected = Buffer.concat(handler(Buffer.of(count)))
      const body = await client.receive()
      t.true(body?.equals(expected), `${count} parts: ${body?.length} bytes of ${expected.length}`)
    }
  })
}
