/** Runs the disk benchmark for the command line: progress on standard error, results as table, JSON and page. */

import { accessSync, constants, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MIN_SIZE, type Report, runDiskBenchmark } from '../disk-benchmark/index.js'
import { reportPage } from '../disk-benchmark/page.js'
import { benchDiskTable } from './bench-disk-table.js'
import type { CommandIo } from './command.js'
import { StopSignal } from './stop-signal.js'
import { UsageError } from './usage-error.js'

export interface BenchDiskOptions {
  readonly dir: string
  readonly size: string | undefined
  readonly quick: boolean
  readonly json: string | undefined
  readonly html: string | undefined
}

/** What a shell reports of a program that a signal ended: 128 and the signal's number. */
const STOPPED_EXIT_CODE: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 }

export async function runBenchDisk(options: BenchDiskOptions, io: CommandIo): Promise<number> {
  const size = options.size === undefined ? undefined : parseSize(options.size)
  // A minute of measuring should not end with a file that cannot be written.
  for (const path of [options.json, options.html]) if (path !== undefined && path !== '-') checkWritable(path)
  const stop = new StopSignal()
  const progress = new ProgressLine(io.stderr)
  const stopped = new AbortController()
  let received: string | undefined
  stop.received.then((signal) => {
    received = signal
    progress.show('stopping and cleaning up')
    stopped.abort()
  })
  try {
    const report = await runDiskBenchmark({
      folder: options.dir,
      size,
      quick: options.quick,
      program: `odradek ${packageVersion()}`,
      signal: stopped.signal,
      progress: (done, of, title) => progress.show(`${Math.floor((100 * done) / of)}% ${title}`),
    })
    progress.clear()
    await output(report, options, io)
    return 0
  } catch (error) {
    progress.clear()
    if (!stopped.signal.aborted) throw error
    io.stderr.write('stopped; nothing is left behind\n')
    return STOPPED_EXIT_CODE[received!]!
  } finally {
    stop.release()
  }
}

async function output(report: Report, { json, html }: BenchDiskOptions, io: CommandIo): Promise<void> {
  const text = `${JSON.stringify(report, null, 2)}\n`
  io.stdout.write(json === '-' ? text : benchDiskTable(report))
  if (json !== undefined && json !== '-') await writeFile(json, text)
  if (html !== undefined) await writeFile(html, reportPage(report))
}

const units: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }

/** `500MB`, `2 GB`, `20000000`. Throws UsageError. */
function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)b?$/i.exec(text.trim())
  if (match === null) throw new UsageError(`--size is a number with MB or GB, such as 500MB, not ${text}`)
  const size = Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!)
  if (size < MIN_SIZE) throw new UsageError(`--size is at least ${MIN_SIZE / 1e6}MB`)
  return size
}

function checkWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK)
  } catch {
    throw new UsageError(`${path} cannot be written: is its folder there?`)
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** One line that is written over on a terminal; elsewhere a line for each change. */
class ProgressLine {
  readonly #stream: CommandIo['stderr']
  readonly #terminal: boolean

  constructor(stream: CommandIo['stderr']) {
    this.#stream = stream
    this.#terminal = (stream as { isTTY?: boolean }).isTTY === true
  }

  show(text: string): void {
    this.#stream.write(this.#terminal ? `\r\x1b[K${text}` : `${text}\n`)
  }

  clear(): void {
    if (this.#terminal) this.#stream.write('\r\x1b[K')
  }
}
