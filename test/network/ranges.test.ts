import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import type { FileRange } from '../../lib/native/types.js'
import { rangeOfFile, residentBytes } from '../../lib/native/zerocopy.js'
import { frameOf, RawClient, serve, settledAt, transports, until } from '../support/serving.js'

/** A file of random bytes, and ranges of it that count how often they are released. */
function segment(t: ExecutionContext, size: number) {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-ranges-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'segment')
  const bytes = randomBytes(size)
  writeFileSync(path, bytes)
  const released: number[] = []
  const range = (offset: number, length: number): FileRange => {
    const created = rangeOfFile(path, offset, length)
    const release = created.release.bind(created)
    const index = released.push(0) - 1
    const counted = () => {
      released[index]!++
      release()
    }
    return Object.defineProperty(created, 'release', { value: counted })
  }
  return { path, bytes, range, released }
}

const allOnce = (counts: number[]) => counts.every((count) => count === 1)

for (const transport of transports) {
  const name = `${transport.sending}: `

  test(`${name}ranges and bytes of any sizes go out in their order`, async (t) => {
    const { bytes, range, released } = segment(t, 3_000_000)
    const cuts = [
      [0, 0],
      [0, 1],
      [4095, 2],
      [1, 65_536],
      [1_000_000, 262_144],
      [700_001, 1_999_999],
      [0, 3_000_000],
    ] as const
    const handler = (frame: Buffer) => {
      const [offset, length] = cuts[frame[0]!]!
      return [
        Buffer.from('head'),
        range(offset, length),
        range(0, 10),
        Buffer.alloc(50_000, 5),
        range(length, 0),
      ]
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    const order = [...cuts.keys(), ...cuts.keys(), 2, 1, 0]
    await client.send(...order.map((index) => frameOf(Buffer.of(index))))
    for (const index of order) {
      const [offset, length] = cuts[index]!
      const expected = [
        Buffer.from('head'),
        bytes.subarray(offset, offset + length),
        bytes.subarray(0, 10),
        Buffer.alloc(50_000, 5),
      ]
      t.true((await client.receive())?.equals(Buffer.concat(expected)), `range ${offset}+${length}`)
    }
    await until(() => allOnce(released))
    t.is(released.length, order.length * 3)
  })

  test(`${name}a range larger than the socket's buffer reaches a slow reader whole`, async (t) => {
    const { bytes, range, released } = segment(t, 24_000_000)
    const { listener } = await serve(t, () => [range(0, bytes.length)], { transport })
    const client = await RawClient.connect(t, listener.port)
    client.socket.pause()
    await client.send(frameOf('x'), frameOf('y'), frameOf('z'))
    await until(() => released.length > 0)
    await settledAt(() => released.length)
    t.deepEqual([...new Set(released)], [0], 'nothing is let go before it is sent')
    for (let i = 0; i < 3; i++) t.true((await client.receive())?.equals(bytes))
    await until(() => allOnce(released))
  })

  test(`${name}what the page cache has lost is read from the disk`, async (t) => {
    const { path, bytes, range } = segment(t, 5_000_000)
    execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], {
      stdio: 'ignore',
    })
    const cold = range(0, bytes.length)
    const resident = residentBytes(cold, 0, bytes.length)
    if (resident > 0) t.log(`the system kept ${resident} bytes cached`)
    const { listener } = await serve(t, () => [Buffer.from('head'), cold], { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('x'))
    t.true((await client.receive())?.equals(Buffer.concat([Buffer.from('head'), bytes])))
  })

  test(`${name}a connection closed in the middle of a response releases each range once`, async (t) => {
    const { bytes, range, released } = segment(t, 30_000_000)
    const { listener, lines, budget } = await serve(t, async () => [range(0, bytes.length), range(5, 100)], {
      transport,
    })
    for (const closedBy of ['client', 'client at once', 'broker']) {
      released.length = 0
      const client = await RawClient.connect(t, listener.port)
      client.socket.pause()
      await client.send(...Array.from({ length: 5 }, () => frameOf('x')))
      if (closedBy !== 'client at once') await until(() => released.length === 10)
      if (closedBy === 'broker') await listener.close()
      else client.socket.resetAndDestroy()
      await until(() => listener.connectionCount === 0)
      await until(() => allOnce(released))
    }
    t.is(budget.held, 0)
    t.deepEqual(lines, [])
  })

  test(`${name}a range whose answer comes after the close is released`, async (t) => {
    const { range, released } = segment(t, 1000)
    const answers: (() => void)[] = []
    const handler = () =>
      new Promise<FileRange[]>((resolve) => answers.push(() => resolve([range(0, 10), range(10, 10)])))
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('first'), frameOf('second'))
    await until(() => answers.length === 2)
    answers[1]!()
    client.socket.resetAndDestroy()
    await until(() => listener.connectionCount === 0)
    answers[0]!()
    await until(() => released.length === 4 && allOnce(released))
    t.pass()
  })

  test(`${name}a file cut below the range closes the connection`, async (t) => {
    const { path, range, released } = segment(t, 1_000_000)
    const handler = () => {
      const long = range(0, 1_000_000)
      truncateSync(path, 500_000)
      return [long]
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('x'))
    t.is(await client.receive(), undefined)
    await until(() => allOnce(released))
  })

  test(`${name}one fast reader leaves the others their turn`, async (t) => {
    const { range } = segment(t, 32_000_000)
    const handler = (frame: Buffer) => (frame.length === 1 ? [range(0, 32_000_000)] : [frame])
    const { listener } = await serve(t, handler, { transport })
    const fast = await RawClient.connect(t, listener.port)
    const other = await RawClient.connect(t, listener.port)
    let received = 0
    fast.socket.on('data', (chunk) => {
      received += chunk.length
    })
    await fast.send(...Array.from({ length: 8 }, () => frameOf('x')))
    let answered = 0
    while (received < 8 * 32_000_004) {
      await other.send(frameOf('small'))
      await other.receive()
      answered++
    }
    t.true(answered > 20, `${answered} small requests answered beside 256 MB`)
  })
}
