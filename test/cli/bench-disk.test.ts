import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Comparison, Report } from '../../lib/disk-benchmark/index.js'
import { failure, odradek } from '../support/odradek-program.js'
import { RunningProgram } from '../support/program.js'

const main = new URL('../../lib/cli/main.js', import.meta.url).pathname
const size = 60_000_000

let folder: string
/** What is measured; the results lie beside it. */
let disk: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odradek-bench-disk-'))
  disk = join(folder, 'disk')
  await mkdir(disk)
})
test.after.always(() => rm(folder, { recursive: true, force: true }))

/** Tags that do not close in order, and text that is no markup. */
function malformed(html: string): string[] {
  const open: string[] = []
  const wrong: string[] = []
  for (const [whole, end, name, , alone] of html.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:[^<>"]|"[^"<>]*")*?)(\/?)>/g,
  )) {
    if (end === '/') {
      if (open.pop() !== name) wrong.push(whole)
    } else if (alone !== '/' && name !== 'meta') open.push(name!)
  }
  return [...wrong, ...open, ...(html.match(/NaN|undefined|Infinity|\[object/g) ?? [])]
}

function isSeries(series: Comparison['engine'], rounds: number): boolean {
  const { min, median, max } = series
  return series.rounds.length === rounds && min > 0 && min <= median && median <= max && Number.isFinite(max)
}

test.serial('a quick run prints a table and writes figures and a page', async (t) => {
  const json = join(folder, 'report.json')
  const html = join(folder, 'report.html')
  const args = ['--quick', '--size', '60MB', '--dir', disk, '--json', json, '--html', html]
  const { code, stdout, stderr } = await odradek('bench', 'disk', ...args)
  t.is(code, 0, stderr)
  for (const row of [
    /^1 MB +on disk +[\d,.]+ +[\d,.]+ +MB\/s +[\d,.]+ %/m,
    /^4 logs /m,
    /^256 at once +grouped /m,
  ]) {
    t.regex(stdout, row)
  }
  t.regex(stdout, /^engine, 64 at once +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +\d+$/m)
  t.regex(stdout, /^sequential 1 MB × 1 +cached /m)
  t.regex(stdout, /^Left out, because the size allows too little: append 4096 KB batches\.$/m)
  t.regex(stderr, /^\d+% round 1 of 1: send by /m)

  const report = JSON.parse(await readFile(json, 'utf8')) as Report
  t.is(report.version, 1)
  t.true(report.writtenBytes > 0 && report.writtenBytes <= size, `${report.writtenBytes} bytes`)
  t.true(Number.isInteger(report.machine.cores) && report.machine.fileSystem !== 'unknown')
  const names = report.comparisons.map(({ name }) => name)
  t.is(new Set(names).size, names.length)
  for (const each of report.comparisons) {
    t.true(
      [each.engine, each.raw, each.percent].every((series) => isSeries(series, report.rounds)),
      each.name,
    )
  }
  t.deepEqual(
    [...new Set(report.comparisons.map(({ section }) => section))],
    ['append', 'writers', 'durable', 'read', 'send'],
  )
  for (const { samples, p50, p99, p999, max } of report.latencies) {
    t.true(samples > 0 && p50 > 0 && p50 <= p99 && p99 <= p999 && p999 <= max)
  }

  const page = await readFile(html, 'utf8')
  t.deepEqual(malformed(page), [])
  t.is(page.match(/<svg [^>]*role="img"/g)?.length, 6)
  t.true(page.includes('MB/s (log scale)') && page.includes(report.machine.node))
  t.notRegex(page, /<script|<link|src=|url\(|https?:/)

  t.deepEqual(await readdir(disk), [])
})

test.serial('SIGINT ends it, and leaves nothing behind', async (t) => {
  const program = new RunningProgram(process.execPath, [
    main,
    'bench',
    'disk',
    '--dir',
    disk,
    '--size',
    '40MB',
  ])
  await program.until('it measures', () => program.stderr.includes('warming up'))
  t.is((await readdir(disk)).length, 1)
  program.child.kill('SIGINT')
  const { code, stdout, stderr } = await program.ended
  t.is(code, 130)
  t.is(stdout, '')
  t.regex(stderr, /stopped; nothing is left behind\n$/)
  t.deepEqual(await readdir(disk), [])
})

test('what cannot be measured gives one line and exit code 1', async (t) => {
  const fails = async (...args: string[]) => failure(await odradek('bench', 'disk', ...args))
  const missing = join(folder, 'missing')
  t.is(
    await fails('--dir', missing),
    `odradek bench: ${missing} is not there: make it, or choose another folder with --dir`,
  )
  const file = join(folder, 'file')
  await writeFile(file, '')
  t.is(await fails('--dir', file), `odradek bench: ${file} is no folder: choose one with --dir`)
  t.regex(await fails('--dir', disk, '--size', '9000TB'), /MB free, and up to 9,000,000,000 MB are written/)
  t.is(await fails('--size', '5MB'), 'odradek bench: --size is at least 40MB')
  t.regex(await fails('--size', 'much'), /--size is a number with MB or GB, such as 500MB, not much/)
  t.regex(await fails('--html', join(missing, 'x.html')), /x\.html cannot be written: is its folder there\?/)
  t.regex(await fails('--depth', '4'), /there is no option --depth/)
  t.deepEqual(await readdir(disk), [])
})
