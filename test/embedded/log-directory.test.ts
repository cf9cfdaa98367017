import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Log, LogDirectory, type LogDirectoryOptions } from '../../lib/embedded/index.js'
import { collect, fill, rejects, temporaryFolder, values } from './opened-log.js'

/** Closed with the test, unless the test has done so. */
async function open(t: ExecutionContext, path: string, options?: LogDirectoryOptions): Promise<LogDirectory> {
  const directory = await LogDirectory.open(path, options)
  t.teardown(() => directory.close().catch(() => {}))
  return directory
}

const letters = ['a', 'b', 'c', 'd', 'e']

test('each name is a log of its own, made when it is used first', async (t) => {
  const directory = await open(t, await temporaryFolder(t))
  const orders = directory.log('orders')
  t.false(directory.has('orders'))
  t.deepEqual(await orders.append({ value: 'one' }), { baseOffset: 0, lastOffset: 0 })
  await directory.log('payments-2').append([{ value: 'x' }, { value: 'y' }])
  t.deepEqual(directory.names().sort(), ['orders', 'payments-2'])
  t.is(directory.size, 2)
  t.true(directory.has('orders'))
  t.is(directory.log('orders'), orders)
  t.deepEqual(await values(orders), ['one'])
  t.deepEqual(await values(directory.log('payments-2')), ['x', 'y'])
  const ends = new Map([...directory].map(([name, log]) => [name, log.endOffset]))
  t.deepEqual([ends.get('orders'), ends.get('payments-2')], [1, 2])
})

test('after a clean stop nothing is opened or scanned until it is used, and offsets are known at once', async (t) => {
  const path = await temporaryFolder(t)
  const directory = await open(t, path)
  for (const name of letters) await fill(directory.log(name), 3)
  await directory.log('b').trim(1)
  await directory.close()

  const again = await open(t, path)
  t.is(again.openLogs, 0)
  t.deepEqual(again.names().sort(), letters)
  const b = again.log('b')
  t.deepEqual([b.startOffset, b.endOffset, b.flushedOffset], [1, 3, 3])
  t.true(b.sizeInBytes > 0)
  t.is(again.openLogs, 0)
  t.deepEqual(await values(b), ['1', '2'])
  t.is(again.openLogs, 1)
  t.is(b.recovery.scannedBytes, 0)
})

test('no more logs stay open than allowed, and those that were closed go on where they were', async (t) => {
  const directory = await open(t, await temporaryFolder(t), { maxOpenLogs: 3 })
  const names = Array.from({ length: 20 }, (_, i) => `log-${i}`)
  for (let round = 0; round < 3; round++) {
    for (const name of names) {
      t.is((await directory.log(name).append({ value: `${name} ${round}` })).baseOffset, round)
      t.true(directory.openLogs <= 3)
    }
  }
  for (const name of names) {
    t.is(directory.log(name).endOffset, 3)
    t.deepEqual(await values(directory.log(name)), [`${name} 0`, `${name} 1`, `${name} 2`])
    t.is(directory.log(name).recovery.scannedBytes, 0)
  }
})

test('appends to many logs at once are opened in turn and all arrive', async (t) => {
  const directory = await open(t, await temporaryFolder(t), { maxOpenLogs: 8, durability: 'os' })
  const names = Array.from({ length: 200 }, (_, i) => `log-${i}`)
  await Promise.all(names.flatMap((name) => letters.map((value) => directory.log(name).append({ value }))))
  await directory.flush()
  for (const name of names.slice(0, 30)) t.deepEqual(await values(directory.log(name)), letters)
})

test('records lie in the order of the calls, also of those that had to wait for the log to be opened', async (t) => {
  const directory = await open(t, await temporaryFolder(t), { maxOpenLogs: 1 })
  const log = directory.log('orders')
  const appends: Promise<unknown>[] = []
  const expected: string[] = []
  for (let i = 0; i < 200; i++) {
    appends.push(log.append({ value: String(i) }))
    expected.push(String(i))
    // Others take its place now and then.
    if (i % 50 === 49) await directory.log('other').append({ value: 'x' })
    else if (i % 7 === 0) await Promise.resolve()
  }
  await Promise.all(appends)
  t.deepEqual(await values(log), expected)
})

test('bytes are copied before append returns, also where the log has to be opened first', async (t) => {
  const directory = await open(t, await temporaryFolder(t))
  const log = directory.log('orders')
  const value = Buffer.from('before')
  const header = Buffer.from('first')
  const appended = log.append([
    { value, headers: { h: header } },
    { value: 'text', key: value },
  ])
  value.fill('x')
  header.fill('x')
  await appended
  const [first, second] = await collect(log.read())
  t.is(String(first!.value), 'before')
  t.is(String(first!.headers[0]!.value), 'first')
  t.is(String(second!.key), 'before')
})

test('a log stays open while it is iterated', async (t) => {
  const directory = await open(t, await temporaryFolder(t), { maxOpenLogs: 1 })
  const log = directory.log('orders')
  await fill(log, 3)
  const records = log.follow({ from: 0 })
  const seen: string[] = []
  for await (const { value } of records) {
    seen.push(String(value))
    await directory.log(`other-${seen.length}`).append({ value: 'x' })
    if (seen.length === 3) await log.append({ value: '3' })
    if (seen.length === 4) break
  }
  t.deepEqual(seen, ['0', '1', '2', '3'])
  await directory.log('last').append({ value: 'x' })
  await directory.log('very-last').append({ value: 'x' })
  t.is(directory.openLogs, 1)
})

test('what cannot be the name of a log is refused', async (t) => {
  const directory = await open(t, await temporaryFolder(t))
  const bad = [
    '',
    '.',
    '..',
    '../x',
    'a/b',
    '/x',
    '.lock',
    'a b',
    'ü',
    'a\0',
    'x-delete',
    'n'.repeat(250),
    7,
    null,
  ]
  for (const name of bad) {
    await rejects(t, () => directory.log(name as string), 'INVALID_NAME')
    await rejects(t, directory.delete(name as string), 'INVALID_NAME')
  }
  await directory.log('n'.repeat(249)).append({ value: 'x' })
  t.deepEqual(directory.names(), ['n'.repeat(249)])
})

test('a deleted log is gone from disk, and its name begins anew', async (t) => {
  const path = await temporaryFolder(t)
  const directory = await open(t, path)
  const old = directory.log('orders')
  await fill(old, 5)
  await old.trim(4)
  t.true(await directory.delete('orders'))
  t.false(await directory.delete('orders'))
  t.deepEqual(directory.names(), [])
  await rejects(t, old.append({ value: 'x' }), 'CLOSED')
  t.is((await directory.log('orders').append({ value: 'new' })).baseOffset, 0)
  await directory.close()
  t.deepEqual(
    (await readdir(path)).filter((name) => !name.startsWith('.') && !name.endsWith('-delete')),
    ['orders'],
  )
  const again = await open(t, path)
  t.deepEqual(await values(again.log('orders')), ['new'])
})

test('a handle that was closed stays so, and the next one has the log', async (t) => {
  const directory = await open(t, await temporaryFolder(t))
  const log = directory.log('orders')
  await log.append({ value: 'one' })
  await log.close()
  await rejects(t, log.append({ value: 'two' }), 'CLOSED')
  t.not(directory.log('orders'), log)
  t.deepEqual(await values(directory.log('orders')), ['one'])
})

test('offsets that nobody can know yet are refused', async (t) => {
  const directory = await open(t, await temporaryFolder(t))
  const log = directory.log('orders')
  await rejects(t, () => log.endOffset, 'NOT_OPENED')
  await rejects(t, () => log.recovery, 'NOT_OPENED')
  await log.ready()
  t.is(log.endOffset, 0)
})

test('a folder has one directory at a time', async (t) => {
  const path = await temporaryFolder(t)
  const directory = await open(t, path)
  await rejects(t, LogDirectory.open(path), 'LOCKED')
  await directory.close()
  await rejects(t, () => directory.log('orders'), 'CLOSED')
  await rejects(t, directory.flush(), 'CLOSED')
  await using again = await LogDirectory.open(path)
  t.is(again.size, 0)
})

test('a log of a directory that is open is not opened beside it', async (t) => {
  const path = await temporaryFolder(t)
  const directory = await open(t, path)
  await directory.log('orders').append({ value: 'one' })
  await rejects(t, Log.open(join(path, 'orders')), 'LOCKED')
})

test('the data folder of a broker and paths that are none are refused', async (t) => {
  const path = await temporaryFolder(t)
  await writeFile(join(path, 'file'), '')
  await rejects(t, LogDirectory.open(join(path, 'file')), 'NOT_A_FOLDER')
  await mkdir(join(path, 'data'))
  await writeFile(join(path, 'data', 'meta.properties'), 'version=1\n')
  await rejects(t, LogDirectory.open(join(path, 'data')), 'UNSUPPORTED_FORMAT')
  await rejects(t, LogDirectory.open(''), 'INVALID_OPTION')
  await rejects(t, LogDirectory.open(path, { maxOpenLogs: 0 }), 'INVALID_OPTION')
  await rejects(t, LogDirectory.open(path, { durabillity: 'os' } as LogDirectoryOptions), 'INVALID_OPTION')
  await rejects(t, LogDirectory.open(path, { readOnly: true } as LogDirectoryOptions), 'INVALID_OPTION')
})

test('a checkpoint that is damaged costs a scan and no records', async (t) => {
  const path = await temporaryFolder(t)
  const directory = await open(t, path)
  for (const name of letters) await fill(directory.log(name), 3)
  await directory.close()
  await writeFile(join(path, '.logs-checkpoint'), '0\n5\na 0 3 100\nb 0')
  const again = await open(t, path)
  for (const name of letters) {
    t.deepEqual(await values(again.log(name)), ['0', '1', '2'])
    t.true(again.log(name).recovery.scannedBytes > 0)
  }
})

test('retention reaches logs that nobody uses', async (t) => {
  const path = await temporaryFolder(t)
  const directory = await open(t, path)
  for (const name of letters) await fill(directory.log(name), 3)
  await directory.close()
  const again = await open(t, path, { retentionMs: 1_000, maintenanceIntervalMs: 20, maxOpenLogs: 2 })
  const isEmpty = () => letters.every((name) => startOf(again, name) === 3)
  while (!isEmpty()) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const name of letters) t.deepEqual(await values(again.log(name)), [])
})

function startOf(directory: LogDirectory, name: string): number {
  return directory.log(name).startOffset
}
