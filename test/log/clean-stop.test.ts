import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readCleanStop, removeCleanStop, writeCleanStop } from '../../lib/log/clean-stop.js'
import { files } from '../../lib/native/index.js'

async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-stop-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

test('a clean stop is known until its mark is removed', async (t) => {
  const folder = await temporaryFolder(t)
  t.is(await readCleanStop(files, folder), undefined)
  await writeCleanStop(files, folder)
  t.like(await readCleanStop(files, folder), { version: 0, isKnownVersion: true })
  await removeCleanStop(files, folder)
  t.is(await readCleanStop(files, folder), undefined)
})

test('the mark is the file that Kafka writes', async (t) => {
  const folder = await temporaryFolder(t)
  await writeCleanStop(files, folder)
  const text = await readFile(join(folder, '.kafka_cleanshutdown'), 'utf8')
  t.deepEqual(JSON.parse(text), { version: 0, brokerEpoch: -1 })
})

test('an empty mark, as Kafka left it before 3.7, and one of a later version are told apart', async (t) => {
  const folder = await temporaryFolder(t)
  for (const [text, version] of [
    ['', undefined],
    ['{"version":9}', 9],
    ['{"version":"0"}', undefined],
    ['null', undefined],
  ] as const) {
    await writeFile(join(folder, '.kafka_cleanshutdown'), text)
    t.like(await readCleanStop(files, folder), { version, isKnownVersion: false }, text)
  }
})

test('a mark that cannot be read is not taken for none: it would outlive the next crash', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'file'), '')
  await t.throwsAsync(readCleanStop(files, join(folder, 'file')), { code: 'IO' })
})
