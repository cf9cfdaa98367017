import test from 'ava'
import { FrameReader } from '../../lib/network/frame-reader.js'
import { FrameBudget } from '../../lib/network/index.js'
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

const MB = 1_000_000

/** A connection as the budget sees it, which writes down what it is told. */
function join(budget: FrameBudget, announced: number) {
  const told: string[] = []
  const claim = budget.join({
    hold: () => told.push('hold'),
    resume: () => told.push('resume'),
    granted: () => told.push('granted'),
    proceed: () => told.push('proceed'),
    wait: () => told.push('wait'),
    tooSlow: () => told.push('too slow'),
  })
  claim.announced = announced
  return { claim, told }
}

test('half-sent frames hold half the budget together, and what is given back wakes who waits', (t) => {
  const budget = new FrameBudget(100 * MB)
  const frames = Array.from({ length: 50 }, () => join(budget, MB))
  for (const { claim } of frames) t.true(budget.grow(claim, MB))
  const finisher = join(budget, MB)
  t.true(budget.grow(finisher.claim, MB), 'one may go beyond it')
  const waiting = join(budget, MB)
  t.false(budget.grow(waiting.claim, MB))
  t.is(budget.held, 51 * MB)
  budget.complete(frames[0]!.claim, MB)
  t.deepEqual(waiting.told, ['granted'])
  t.is(budget.held, 52 * MB)
  for (const { claim } of [...frames, finisher, waiting]) budget.leave(claim)
  budget.give(MB)
  t.is(budget.held, 0)
})

test('large frames leave room for ordinary ones, which go first', (t) => {
  const budget = new FrameBudget(100 * MB)
  const large = Array.from({ length: 6 }, () => join(budget, 90 * MB))
  t.deepEqual(
    large.map(({ claim }) => budget.grow(claim, 9 * MB)),
    [true, true, true, true, true, false],
    'four within the share, one as finisher',
  )
  t.true(budget.grow(join(budget, MB).claim, MB))
})

test('frames being handled stop all reading when the budget is spent, and start it again', (t) => {
  const budget = new FrameBudget(10 * MB)
  const { told } = join(budget, 0)
  budget.take(10 * MB)
  t.deepEqual(told, ['hold'])
  const late = join(budget, 0)
  t.deepEqual(late.told, ['hold'], 'a new connection is not read either')
  budget.give(1 * MB)
  t.deepEqual(told, ['hold'], 'not at each frame')
  budget.give(1 * MB)
  t.deepEqual(told, ['hold', 'resume'])
  t.deepEqual(late.told, ['hold', 'resume'])
})

test('no new finisher starts while frames being handled hold much', (t) => {
  const budget = new FrameBudget(10 * MB)
  budget.take(3 * MB)
  const { claim, told } = join(budget, 20 * MB)
  t.false(budget.grow(claim, 6 * MB))
  budget.give(1 * MB)
  t.deepEqual(told, ['proceed'])
  t.true(budget.grow(claim, 6 * MB))
  t.true(budget.grow(claim, 14 * MB))
  t.is(budget.held, 22 * MB)
})

test('a finisher that sends nothing stands back for the next', async (t) => {
  const budget = new FrameBudget(MB)
  const silent = join(budget, 2 * MB)
  const next = join(budget, 2 * MB)
  t.true(budget.grow(silent.claim, 2 * MB - 1))
  t.false(budget.grow(next.claim, 2 * MB - 1))
  await until(() => next.told.length > 0)
  t.deepEqual(silent.told, ['wait'])
  t.deepEqual(next.told, ['proceed'])
})

test('a frame that grew at its turn and lost it is read on into the memory that it holds', async (t) => {
  const budget = new FrameBudget(MB)
  const blocker = join(budget, 300_000)
  t.true(budget.grow(blocker.claim, 300_000))
  const frames: Buffer[] = []
  const stops: boolean[] = []
  const sink = {
    frame: (frame: Buffer) => frames.push(frame),
    oversized: () => t.fail(),
    tooSlow: () => t.fail(),
    flow: (stopped: boolean) => stops.push(stopped),
  }
  const reader = new FrameReader(sink, budget, { maxRequestBytes: MB })
  // As Node does it: the next target is asked for right behind a read, whatever happens until that one ends.
  let target = reader.target()
  const receive = (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; ) {
      const count = bytes.copy(target, 0, at)
      reader.received(count, target)
      target = reader.target()
      at += count
    }
  }
  const body = Buffer.alloc(600_000, 'each byte at its place')
  const sent = frameOf(body)
  receive(sent.subarray(0, 60_004))
  // Fills what the frame holds, so that it asks for more, and then nothing comes.
  receive(sent.subarray(60_004, 120_004))
  const other = join(budget, 500_000)
  t.false(budget.grow(other.claim, 499_999))
  await until(() => other.told.length > 0)
  t.deepEqual(stops, [true])
  budget.leave(blocker.claim)
  t.deepEqual(stops, [true, false])
  t.is(budget.held, 240_000, 'what it had asked for is not counted twice')
  budget.leave(other.claim)
  receive(sent.subarray(120_004))
  t.is(frames.length, 1)
  t.true(body.equals(frames[0]!))
  t.is(budget.held, frames[0]!.length + 512)
})

test('a finisher that starts and then dawdles is closed, if others wait', async (t) => {
  const budget = new FrameBudget(MB)
  const slow = join(budget, 2 * MB)
  t.true(budget.grow(slow.claim, 2 * MB - 1))
  slow.claim.received = 1
  const next = join(budget, 2 * MB)
  t.false(budget.grow(next.claim, 2 * MB - 1))
  await until(() => slow.told.length > 0)
  t.deepEqual(slow.told, ['too slow'])
  budget.leave(slow.claim)
  t.deepEqual(next.told, ['proceed'])
})

test('a capacity of -1 bounds nothing', (t) => {
  const budget = new FrameBudget(-1)
  const { claim, told } = join(budget, 2 ** 31)
  t.true(budget.grow(claim, 2 ** 31))
  budget.take(2 ** 40)
  t.deepEqual(told, [])
})

for (const transport of transports) {
  const name = `${transport.reading}: `

  test(`${name}frames larger than the budget go through, one after the other`, async (t) => {
    const handler = async (frame: Buffer) => [Buffer.from(String(frame.length))]
    const { listener, budget } = await serve(t, handler, { transport, budgetBytes: 4 * MB })
    await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const client = await RawClient.connect(t, listener.port)
        const sizes = [5 * MB + i, 100, 3 * MB]
        const sending = client.send(...sizes.map((size) => frameOf(Buffer.alloc(size))))
        for (const size of sizes) t.is((await client.receive())?.toString(), String(size))
        await sending
      }),
    )
    t.is(budget.held, 0)
  })

  test(`${name}when the budget is spent by requests under way, sockets are not read until it is not`, async (t) => {
    const open: (() => void)[] = []
    const handler = (frame: Buffer) =>
      new Promise<Buffer[]>((resolve) => open.push(() => resolve([frame.subarray(0, 4)])))
    const { listener } = await serve(t, handler, { transport, budgetBytes: 2 * MB })
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(t, listener.port)))
    const sending = clients.map((client) => client.send(frameOf(Buffer.alloc(500_000))))
    await until(() => open.length >= 3)
    const started = await settledAt(() => open.length)
    t.true(started >= 3 && started <= 5, `${started} requests of 500 kB with 2 MB`)
    let answered = 0
    const receiving = clients.map(async (client) => {
      await client.receive()
      answered++
    })
    while (answered < 8) {
      await until(() => open.length > 0 || answered === 8)
      open.shift()?.()
    }
    await Promise.all([...receiving, ...sending])
    t.is(open.length, 0)
  })

  test(`${name}a begun frame that dawdles while others wait is closed with a line that names the setting`, async (t) => {
    const { listener, lines } = await serve(t, echo, { transport, budgetBytes: 100_000 })
    const dawdler = await RawClient.connect(t, listener.port)
    await dawdler.send(announce(1_000_000), Buffer.alloc(300_000))
    const other = await RawClient.connect(t, listener.port)
    await other.send(frameOf(Buffer.alloc(900_000)))
    await dawdler.closed()
    t.is((await other.receive())?.length, 900_000)
    t.is(lines.length, 1)
    t.regex(lines[0]!.msg, /queued\.max\.request\.bytes/)
  })
}
