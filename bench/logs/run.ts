/** `npm run bench -- logs`: how soon thousands of logs are ready after kill -9, and what 100,000 take of memory. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeLogs } from './folder.js'

export interface LogsOptions {
  /** Killed and opened again. */
  killed: number
  /** Open at once. */
  open: number
  rounds: number
  parent: string
  progress(text: string): void
}

/** Times in ms since the process began, sizes in MB. */
interface ReadyFigures {
  loadedMs: number
  openedMs: number
  readyMs: number
  usedMs: number
  scannedBytes: number
  rssMb: number
}

interface OpenFigures {
  loadedMb: number
  openedMs: number
  openMb: number
  openMaps: number
  usedMs: number
  usedMb: number
  usedDescriptors: number
  open: number
}

export interface LogsResults {
  ready: ReadyFigures[]
  open: OpenFigures
}

const AIM_READY_MS = 2_000
const AIM_RSS_MB = 1_000

export async function runLogs(options: LogsOptions): Promise<LogsResults> {
  const folder = mkdtempSync(join(options.parent, 'logs-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'logs')
  const ready: ReadyFigures[] = []
  options.progress(`making ${options.killed} logs`)
  await makeLogs(path, options.killed)
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`round ${round + 1}: writing to all, kill -9, opening again`)
    await writeUntilKilled(path, options.killed)
    ready.push(await measure('ready', path, options.killed))
  }
  options.progress(`making ${options.open} logs`)
  await makeLogs(path, options.open)
  options.progress(`opening ${options.open} logs`)
  return { ready, open: await measure('open', path, options.open) }
}

export function logsTable({ ready, open }: LogsResults, { killed, open: count }: LogsOptions): string {
  const rows: [string, string, string][] = []
  const row = (what: string, figure: string, aim = ''): void => void rows.push([what, figure, aim])
  const times = (name: keyof ReadyFigures) => ready.map((figures) => figures[name]).join(', ')
  row(`${killed} logs after kill -9 (ms since the process began)`, '')
  row('  directory open, any log can be used', times('openedMs'), `aim ${AIM_READY_MS}`)
  row('  all logs open and recovered', times('readyMs'), `aim ${AIM_READY_MS}`)
  row('  all appended to, and that read', times('usedMs'))
  row('  bytes that recovery read', times('scannedBytes'))
  row(`${count} logs open`, '')
  row('  directory open, ms', String(open.openedMs))
  row('  memory before, MB', String(open.loadedMb))
  row('  memory with a handle of each, MB', String(open.openMb), `aim ${AIM_RSS_MB}`)
  row('  memory when each was appended to, MB', String(open.usedMb), `aim ${AIM_RSS_MB}`)
  row('  until each was appended to, ms', String(open.usedMs))
  row('  descriptors then; logs that are open', `${open.usedDescriptors}; ${open.open}`)
  row('  memory maps', String(open.openMaps))
  const widths = [0, 1].map((column) => Math.max(...rows.map((cells) => cells[column]!.length)))
  return rows
    .map(([what, figure, aim]) =>
      `${what.padEnd(widths[0]!)}  ${figure.padStart(widths[1]!)}  ${aim}`.trimEnd(),
    )
    .join('\n')
    .concat('\n')
}

const program = fileURLToPath(new URL('./process.js', import.meta.url))

/** Until each log was appended to once and some twice. */
async function writeUntilKilled(path: string, count: number): Promise<void> {
  const child = spawn(process.execPath, [program, 'write', path, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('close', (_code, signal) => resolve(signal)),
  )
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), 100))
  if ((await closed) !== 'SIGKILL') throw new Error('the writer ended by itself')
}

async function measure<T>(step: string, path: string, count: number): Promise<T> {
  const child = spawn(process.execPath, [program, step, path, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`step ${step} ended with ${code}`)
  return JSON.parse(text) as T
}
