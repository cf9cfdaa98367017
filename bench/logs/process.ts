/**
 * One step of `bench -- logs` in a process of its own. argv: step, folder, number of logs. Prints figures as JSON.
 *
 * write: appends to all logs, one after the other and over again, until it is killed
 * ready: opens the directory, then opens all logs, appends to each and reads what was appended
 * open:  opens the directory, and has a handle of each log; then appends to each
 */
import { readdirSync, readFileSync } from 'node:fs'
import { type DirectoryLog, LogDirectory } from '../../lib/embedded/index.js'
import { nameOf, segmentBytes } from './folder.js'

const [step, folder, count] = process.argv.slice(2)
const value = Buffer.alloc(100, 'w')

/** ms since the process began. */
const now = (): number => Math.round(performance.now())
const memory = (): number => Math.round(process.memoryUsage().rss / 1e6)
const descriptors = (): number => readdirSync('/proc/self/fd').length
const maps = (): number => readFileSync('/proc/self/maps', 'utf8').split('\n').length

async function each(logs: readonly DirectoryLog[], work: (log: DirectoryLog) => Promise<unknown>) {
  for (let i = 0; i < logs.length; i += 1_000) await Promise.all(logs.slice(i, i + 1_000).map(work))
}

const loadedMs = now()
const loadedMb = memory()
const maxOpenLogs = step === 'open' ? undefined : 16_384
const directory = await LogDirectory.open(folder!, {
  segmentBytes,
  durability: 'os',
  ...(maxOpenLogs === undefined ? {} : { maxOpenLogs }),
})
const openedMs = now()
const logs = Array.from({ length: Number(count) }, (_, i) => directory.log(nameOf(i)))

if (step === 'write') {
  for (;;) {
    await each(logs, (log) => log.append({ value }))
    process.stdout.write('.')
  }
}
if (step === 'ready') {
  await each(logs, (log) => log.ready())
  const readyMs = now()
  const scannedBytes = logs.reduce((sum, { recovery }) => sum + recovery.scannedBytes, 0)
  await each(logs, async (log) => {
    const { baseOffset } = await log.append({ value })
    for await (const { offset } of log.read({ from: baseOffset })) {
      if (offset === baseOffset) return
    }
    throw new Error(`${log.path}: what was appended is not there`)
  })
  const usedMs = now()
  print({ loadedMs, openedMs, readyMs, usedMs, scannedBytes, rssMb: memory() })
} else {
  const openMb = memory()
  const openMaps = maps()
  await each(logs, (log) => log.append({ value }))
  const usedMs = now()
  const open = directory.openLogs
  print({
    loadedMb,
    openedMs,
    openMb,
    openMaps,
    usedMs,
    usedMb: memory(),
    usedDescriptors: descriptors(),
    open,
  })
}
process.exit(0)

function print(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}
