import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { EngineError, files } from '../../lib/native/index.js'
import { setFaults, temporaryFolder } from './engine.js'

test('writes of one path replace each other in the order of the calls', async (t) => {
  const path = join(await temporaryFolder(t), 'checkpoint')
  await Promise.all(Array.from({ length: 20 }, (_, i) => files.writeAtomically(path, Buffer.from(`${i}`))))
  t.is(await readFile(path, 'utf8'), '19')
  t.is(Buffer.from(await files.read(path)).toString(), '19')
})

test.serial('a write that fails leaves the old content and nothing else', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'checkpoint')
  await files.writeAtomically(path, Buffer.from('old'))
  for (const operation of ['write', 'sync', 'rename'] as const) {
    setFaults(t, [{ operation, path: folder, errno: 28 }])
    await t.throwsAsync(files.writeAtomically(path, Buffer.from('new content')), { code: 'NO_SPACE' })
  }
  setFaults(t, [])
  t.is(await readFile(path, 'utf8'), 'old')
  t.deepEqual(await readdir(folder), ['checkpoint'])
})

test('folders are made with their parents and removed with what is in them', async (t) => {
  const folder = await temporaryFolder(t)
  await files.makeFolder(join(folder, 'a', 'b'))
  await files.makeFolder(join(folder, 'a', 'b'))
  await files.writeAtomically(join(folder, 'a', 'b', 'c'), Buffer.alloc(0))
  await files.rename(join(folder, 'a', 'b', 'c'), join(folder, 'a', 'd'))
  await files.syncFolder(folder)
  t.true(existsSync(join(folder, 'a', 'd')))
  await files.remove(join(folder, 'a', 'd'))
  await files.removeFolder(join(folder, 'a'))
  t.deepEqual(await readdir(folder), [])
})

test('an error says which call failed and why', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'missing')
  const error = await t.throwsAsync(files.read(path), { instanceOf: EngineError })
  t.like(error, { code: 'IO', errno: 2, path })
  await writeFile(path, '')
  await t.throwsAsync(files.makeFolder(join(path, 'inside')), { code: 'IO' })
})

test('a lock excludes others until it is released', async (t) => {
  const path = join(await temporaryFolder(t), '.lock')
  const lock = await files.lock(path)
  t.like(await t.throwsAsync(files.lock(path)), { code: 'LOCKED', path })
  await lock.release()
  await (await files.lock(path)).release()
})
