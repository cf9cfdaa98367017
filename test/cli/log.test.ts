import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { kafkaFolder } from '../support/kafka-folder.js'
import { failure, jsonLines, odradek } from '../support/odradek-program.js'

test('log verify says that a folder is in order, and ends with 0', async (t) => {
  const folder = kafkaFolder(t, 'clean')
  const { code, stdout, stderr } = await odradek('log', 'verify', folder)
  t.is(stderr, '')
  t.regex(stdout, /^\d+ files, \d+ batches, \d+ records, \d+ bytes: no faults\n$/)
  t.is(code, 0)
})

test('log verify names file, position and remedy of a fault, and ends with 1', async (t) => {
  const folder = kafkaFolder(t, 'clean')
  const log = join(folder, 'stamped-0', '00000000000000000000.log')
  truncateSync(log, 30)
  const text = await odradek('log', 'verify', folder)
  t.is(text.code, 1)
  t.true(text.stdout.includes(`FAULT ${log} at 0: the file ends within the header of a batch`), text.stdout)
  t.regex(text.stdout, /To do: start the broker on the folder/)
  t.regex(text.stdout, /: 1 fault\n$/)
  const json = await odradek('log', 'verify', join(folder, 'stamped-0'), '--json')
  t.is(json.code, 1)
  const lines = jsonLines(json.stdout)
  t.like(lines[0], { type: 'fault', code: 'TORN_TAIL', file: log, position: 0 })
  t.like(lines.at(-1), { type: 'summary', faults: 1 })
})

test('log dump prints batches, records, control records and indexes', async (t) => {
  const folder = join(kafkaFolder(t, 'clean'), 'transactions-0')
  const batches = await odradek('log', 'dump', join(folder, '00000000000000000000.log'))
  t.is(batches.code, 0)
  t.regex(batches.stdout, /^baseOffset: 0 lastOffset: 1 count: 2 .* isTransactional: true .* position: 0 /m)
  t.notRegex(batches.stdout, /^\|/m)
  const all = await odradek('log', 'dump', folder, '--records')
  t.regex(all.stdout, /^\| offset: 0 CreateTime: \d+ .* key: first 0-0 payload: value of first 0 0$/m)
  t.regex(all.stdout, / endTxnMarker: ABORT coordinatorEpoch: 0$/m)
  t.regex(all.stdout, /compresscodec: lz4/)
  t.regex(all.stdout, /^version: 0 producerId: \d+ firstOffset: \d+ /m)
  t.regex(all.stdout, /^epoch: 0 startOffset: 0$/m)
  const rows = jsonLines((await odradek('log', 'dump', folder, '-r', '-j')).stdout)
  t.like(
    rows.find(({ type }) => type === 'record'),
    { offset: 0, key: 'first 0-0', value: 'value of first 0 0', headers: [] },
  )
})

test('log says what it needs', async (t) => {
  t.regex(failure(await odradek('log', 'dump')), /path|file/i)
  t.regex(failure(await odradek('log', 'verify', '/not/there')), /ENOENT/)
  t.regex(failure(await odradek('log')), /one of dump, verify/)
})
