/**
 * The power goes at every step of a cleaning: whatever the disk holds then, the log opens, and whoever reads all of
 * it comes to the same last value of each key.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { markJournal, recordFiles } from '../../lib/native/file-recording.js'
import { readJournal } from '../support/file-journal.js'
import { Disk } from '../support/power-cut.js'
import { Random } from '../support/random.js'
import { CompactedLog, type Kept, openCleaner, setFaults, temporaryFolder } from './compacted-log.js'

const EIO = 5

function tableOf(records: readonly Kept[]): [string, string][] {
  const values = new Map<string, string>()
  for (const { key, value } of records) {
    if (value === null) values.delete(key)
    else values.set(key, value)
  }
  return [...values.entries()].sort()
}

/** Several segments of three keys each, of which two come again and again. */
async function fill(log: CompactedLog): Promise<void> {
  for (let i = 0; i < 24; i++) {
    await log.write([
      ['ann', String(i)],
      ['bob', i % 3 === 0 ? null : String(i)],
      [`only-${i}`, 'v'.repeat(100)],
    ])
    if (i % 4 === 3) await log.roll()
  }
}

test.serial('a power cut at any step of a cleaning leaves the old or the new segments', async (t) => {
  t.timeout(600_000)
  const random = new Random()
  t.log(`SEED=${random.seed}`)
  const folder = await temporaryFolder(t)
  const data = join(folder, 'data')
  const journal = join(folder, 'journal')
  await mkdir(data)
  recordFiles(journal, data)
  const log = await CompactedLog.open(t, data, { segmentBytes: 3_000 })
  await fill(log)
  await log.native.flush()
  const expected = tableOf(await log.records())
  const cleaner = await openCleaner(t, data, [log])
  markJournal('cleaning')
  while (await cleaner.cleanOne()) {}
  t.deepEqual(cleaner.uncleanable, [])
  t.deepEqual(tableOf(await log.records()), expected)
  markJournal('cleaned')

  const entries = readJournal(await readFile(journal))
  const at = (text: string) => entries.findIndex((entry) => entry.kind === 'mark' && entry.text === text)
  const [from, to] = [at('cleaning'), at('cleaned')]
  t.true(to - from > 40, `${to - from} steps`)
  const disk = new Disk()
  let old = 0
  let cleaned = 0
  for (const [index, entry] of entries.entries()) {
    if (index > to) break
    disk.apply(entry)
    if (index < from) continue
    for (let attempt = 0; attempt < 3; attempt++) {
      const survivor = join(folder, `${index}-${attempt}`)
      await disk.survive(random, survivor)
      const reopened = await CompactedLog.open(t, survivor, { segmentBytes: 3_000 })
      const records = await reopened.records()
      t.deepEqual(tableOf(records), expected, `cut after entry ${index} (${entry.kind}), attempt ${attempt}`)
      t.is(reopened.native.logEndOffset, log.native.logEndOffset, `cut after entry ${index}`)
      if (records.length === 72) old++
      else cleaned++
      await reopened.native.close()
    }
  }
  t.log(`${old + cleaned} power cuts, ${cleaned} of them found cleaned segments`)
  t.true(old > 0 && cleaned > 0)
})

for (const operation of ['open', 'write', 'sync', 'rename', 'unlink', 'syncFolder'] as const) {
  test.serial(`a cleaning whose ${operation} fails marks the partition and loses nothing`, async (t) => {
    t.teardown(() => setFaults([]))
    // From the first such call on, up to where all go through.
    let failures = 0
    for (let after = 0; ; after += operation === 'rename' ? 3 : 1) {
      const folder = await temporaryFolder(t)
      const log = await CompactedLog.open(t, folder, { segmentBytes: 3_000 })
      setFaults([])
      await fill(log)
      await log.reopen()
      const expected = tableOf(await log.records())
      const cleaner = await openCleaner(t, folder, [log])
      setFaults([{ operation, path: `${folder}/users-0`, after, times: 1, errno: EIO }])
      await cleaner.cleanOne()
      setFaults([])
      const failed = cleaner.uncleanable.length > 0
      if (failed) failures++
      t.is(cleaner.cleanedUpTo('users', 0) === undefined, failed)
      await log.reopen()
      t.deepEqual(tableOf(await log.records()), expected, `${operation} ${after}`)
      await log.native.close()
      if (!failed || after > 60) break
    }
    t.true(failures > 0)
  })
}
