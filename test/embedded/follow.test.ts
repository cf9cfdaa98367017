/** Iterators that go on: live records, abort, backpressure, what happens when the log changes under them. */
import test from 'ava'
import { AbortError, type LogRecord } from '../../lib/embedded/index.js'
import { fill, open, rejects, setFaults, temporaryFolder, values } from './opened-log.js'

test('follow hands out what is there and then what arrives', async (t) => {
  const log = await open(t, await temporaryFolder(t), { segmentBytes: 1_024 })
  await fill(log, 10)
  const seen: string[] = []
  for await (const { value, offset } of log.follow({ from: 5 })) {
    seen.push(String(value))
    if (offset >= 9 && offset < 49) await log.append({ value: String(offset + 1) })
    if (offset === 49) break
  }
  t.deepEqual(
    seen,
    Array.from({ length: 45 }, (_, i) => String(i + 5)),
  )
})

for (const durability of ['fsync', 'os', 'interval'] as const) {
  test(`a follower that waits at the end is woken by an append (${durability})`, async (t) => {
    const log = await open(t, await temporaryFolder(t), { durability })
    const follower = log.follow()
    const next = follower.next()
    await log.append({ value: 'first' })
    t.is(String((await next).value?.value), 'first')
    const [second] = await Promise.all([follower.next(), log.append({ value: 'second' })])
    t.is(String((second.value as LogRecord).value), 'second')
    await follower.return?.()
    t.deepEqual(await follower.next(), { done: true, value: undefined })
  })
}

test('an abort rejects a waiting follower, a read on its way and every later call', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await fill(log, 3)
  const controller = new AbortController()
  const follower = log.follow({ from: 3, signal: controller.signal })
  const waiting = follower.next()
  const reader = log.read({ signal: controller.signal })
  await reader.next()
  controller.abort(new Error('enough'))
  const error = await t.throwsAsync(waiting, { instanceOf: AbortError, name: 'AbortError' })
  t.is(error?.code, 'ABORT_ERR')
  t.is((error!.cause as Error).message, 'enough')
  await t.throwsAsync(reader.next(), { name: 'AbortError' })
  await t.throwsAsync(async () => values(log, { signal: controller.signal }), { name: 'AbortError' })
  t.deepEqual(await follower.next(), { done: true, value: undefined })
})

test('calls of next that do not wait for each other are answered in order', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const follower = log.follow()
  const calls = Array.from({ length: 5 }, () => follower.next())
  await fill(log, 5)
  t.deepEqual(
    (await Promise.all(calls)).map(({ value }) => value?.offset),
    [0, 1, 2, 3, 4],
  )
  await follower.return?.()
})

test('a reader that does not go on holds two chunks at most', async (t) => {
  const log = await open(t, await temporaryFolder(t), { readAheadBytes: 1_024, segmentBytes: 4_096 })
  await fill(log, 500)
  const reader = log.read()
  t.is((await reader.next()).value?.offset, 0)
  // What it has not read goes: it passes over it, but for what it holds.
  await log.trim(500)
  const rest: number[] = []
  for await (const { offset } of reader) rest.push(offset)
  t.deepEqual(rest, [])
})

test('a follower passes over what trim takes, and goes on at the new start', async (t) => {
  const log = await open(t, await temporaryFolder(t), { segmentBytes: 1_024, readAheadBytes: 1_024 })
  await fill(log, 200)
  const follower = log.follow()
  t.is((await follower.next()).value?.offset, 0)
  await log.trim(150)
  t.is((await follower.next()).value?.offset, 150)
  await follower.return?.()
})

test('a follower whose records are truncated is told; one below the cut goes on', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await fill(log, 10)
  const ahead = log.follow({ from: 10 })
  const behind = log.follow({ from: 4 })
  const waiting = ahead.next()
  t.is((await behind.next()).value?.offset, 4)
  await log.truncate(6)
  await rejects(t, waiting, 'OFFSET_OUT_OF_RANGE', /cut to offset 6/)
  await log.append({ value: 'anew' })
  t.is(String((await behind.next()).value?.value), '5')
  t.is(String((await behind.next()).value?.value), 'anew')
  await behind.return?.()
})

test('closing ends the followers with CLOSED', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const waiting = log.follow().next()
  await log.close()
  await rejects(t, waiting, 'CLOSED')
})

test.serial('under fsync nobody sees a record before it is on disk', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await fill(log, 3)
  t.teardown(() => setFaults([]))
  setFaults([{ operation: 'sync', path: folder, errno: 5 }])
  await rejects(t, log.append({ value: 'lost' }), 'FAILED')
  t.is(log.endOffset, 3)
  t.deepEqual(await values(log), ['0', '1', '2'])
})
