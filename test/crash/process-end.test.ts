/** What a process that is killed leaves of the call that it was about to make, and what the power then takes. */
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { JournalEntry } from '../support/file-journal.js'
import { Disk } from '../support/power-cut.js'
import { Random } from '../support/random.js'

const first = Buffer.alloc(1_000, 'a')
const more = Buffer.alloc(500, 'b')

/** A process writes a file, syncs it, and is killed about a truncation to 200 bytes; the next one appends. */
async function contentAfter(
  t: { teardown(work: () => unknown): void },
  wasTruncated: boolean,
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-process-end-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const data = join(folder, 'data')
  await mkdir(data)
  const disk = await Disk.of(data)
  const apply = (entries: readonly JournalEntry[]) => {
    for (const entry of entries) disk.apply(entry)
  }
  const open: JournalEntry = { kind: 'open', file: 1, created: true, emptied: false, path: 'log' }
  apply([
    open,
    { kind: 'write', file: 1, position: 0, bytes: first },
    { kind: 'returned', sequence: 1, succeeded: true },
    { kind: 'sync', file: 1 },
    { kind: 'returned', sequence: 3, succeeded: true },
    { kind: 'syncFolder', path: '' },
    { kind: 'returned', sequence: 5, succeeded: true },
    { kind: 'truncate', file: 1, size: 200 },
  ])
  await writeFile(join(data, 'log'), first)
  if (wasTruncated) await truncate(join(data, 'log'), 200)
  await disk.processEnded(data)

  const position = wasTruncated ? 200 : first.length
  apply([
    { ...open, created: false },
    { kind: 'write', file: 1, position, bytes: more },
    { kind: 'returned', sequence: 1, succeeded: true },
    { kind: 'sync', file: 1 },
    { kind: 'returned', sequence: 3, succeeded: true },
  ])
  const survived = join(folder, 'survived')
  await disk.survive(new Random(), survived)
  return readFile(join(survived, 'log'))
}

test('a truncation that the killed process came to counts', async (t) => {
  t.deepEqual(await contentAfter(t, true), Buffer.concat([first.subarray(0, 200), more]))
})

test('one that it wrote down and did not come to does not', async (t) => {
  t.deepEqual(await contentAfter(t, false), Buffer.concat([first, more]))
})
