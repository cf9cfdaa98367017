/**
 * A cluster on this machine, to try one: an etcd from PATH and brokers, each a process of its own, all of them stopped
 * together. Not a way to run one for good: everything is on one machine.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { resolve as absolute, join } from 'node:path'
import { sleep } from '../time/index.js'
import type { CommandIo } from './command.js'
import { StopSignal } from './stop-signal.js'

export interface LocalClusterArguments {
  readonly brokers: number
  /** Of the first broker, the others follow; 0 takes free ones. */
  readonly port: number
  /** Kept after the end; left out: a temporary folder. */
  readonly dataDir?: string | undefined
  /** `NAME=VALUE`, for every broker. */
  readonly overrides?: readonly string[]
}

const READY = /^odradek ready on (\S+)/m

/** Resolves with the exit code once all of it has stopped. */
export async function runLocalCluster(given: LocalClusterArguments, io: CommandIo): Promise<number> {
  const stop = new StopSignal()
  const folder = given.dataDir ? absolute(given.dataDir) : await mkdtemp(join(tmpdir(), 'odradek-cluster-'))
  const processes: Process[] = []
  let isStopping = false
  try {
    await mkdir(folder, { recursive: true })
    const etcd = await startEtcd(folder)
    processes.push(etcd.process)
    const starts = Array.from({ length: given.brokers }, (_, index) => {
      const broker = startBroker(given, index, folder, etcd.endpoint)
      processes.push(broker)
      return broker.says(READY)
    })
    const isStopped = stop.received.then(() => undefined)
    const addresses = await Promise.race([Promise.all(starts), isStopped])
    if (!addresses) return 0
    io.stdout.write(`odradek cluster ready on ${addresses.join(',')}\n`)
    for (const { name, ended } of processes) {
      void ended.then((how) => {
        if (!isStopping) io.stderr.write(`odradek cluster: ${name} has ended (${how})\n`)
      })
    }
    await isStopped
    return 0
  } finally {
    isStopping = true
    // etcd last: brokers hand over what they lead, and take their leave, through it.
    const [etcd, ...brokers] = processes
    await Promise.all(brokers.map((broker) => broker.stop()))
    await etcd?.stop()
    if (!given.dataDir) await rm(folder, { recursive: true, force: true })
    stop.release()
  }
}

/**
 * Runs its arguments until its standard input ends, then ends them by SIGTERM: so no process outlives this one,
 * however this one ends.
 */
const WATCH = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(while read -r line; do :; done; kill "$child") <&3 >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$child"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`
/** What a shell says of a program that is not there. */
const NOT_FOUND = 127

class Process {
  readonly name: string
  /** With what it ended, in words. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''

  constructor(name: string, command: string, args: readonly string[]) {
    this.name = name
    // In a group of its own: Ctrl-C reaches this program alone, which stops the others in their order.
    this.#child = spawn('/bin/sh', ['-c', WATCH, 'sh', command, ...args], { detached: true, stdio: 'pipe' })
    // It may have ended by itself.
    this.#child.stdin!.on('error', () => {})
    this.#child.stdout!.on('data', (bytes) => {
      this.#stdout = (this.#stdout + bytes).slice(-TEXT_KEPT)
    })
    this.#child.stderr!.on('data', (bytes) => {
      this.#stderr = (this.#stderr + bytes).slice(-TEXT_KEPT)
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('error', ({ message }) => resolve(message))
      this.#child.once('close', (code, signal) => resolve(String(signal ?? exitCode(code))))
    })
  }

  get lastError(): string {
    return this.#stderr.trim().split('\n').at(-1) ?? ''
  }

  /** The first group of what it says, once it does. Rejects where it ends before. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#stdout)?.[1]
      if (found !== undefined) return found
      const more = once(this.#child.stdout!, 'data').then(() => undefined)
      const ended = await Promise.race([more, this.ended])
      if (ended !== undefined) throw new Error(`${this.name} did not start: ${this.lastError || ended}`)
    }
  }

  async stop(): Promise<void> {
    this.#child.stdin!.end()
    await this.ended
  }
}

const exitCode = (code: number | null) => `exit code ${code}`

const TEXT_KEPT = 64 * 1024
const USUAL_REPLICAS = 3

function startBroker(
  { brokers, port, overrides = [] }: LocalClusterArguments,
  index: number,
  folder: string,
  endpoint: string,
): Process {
  const id = index + 1
  const settings = [
    `node.id=${id}`,
    `etcd.endpoints=${endpoint}`,
    `default.replication.factor=${Math.min(brokers, USUAL_REPLICAS)}`,
    `offsets.topic.replication.factor=${Math.min(brokers, USUAL_REPLICAS)}`,
    ...overrides,
  ]
  return new Process(`broker ${id}`, process.execPath, [
    process.argv[1]!,
    'serve',
    ...['--port', String(port === 0 ? 0 : port + index)],
    ...['--data', join(folder, `broker-${id}`)],
    ...settings.flatMap((setting) => ['--override', setting]),
  ])
}

async function startEtcd(folder: string): Promise<{ process: Process; endpoint: string }> {
  const endpoint = `127.0.0.1:${await freePort()}`
  const peer = `http://127.0.0.1:${await freePort()}`
  const etcd = new Process(
    'etcd',
    'etcd',
    [
      ['--name', 'odradek', '--data-dir', join(folder, 'etcd'), '--log-level', 'error'],
      ['--listen-client-urls', `http://${endpoint}`, '--advertise-client-urls', `http://${endpoint}`],
      ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ['--initial-cluster', `odradek=${peer}`, '--auto-compaction-retention', '1h'],
    ].flat(),
  )
  let ended: string | undefined
  void etcd.ended.then((how) => {
    ended = how
  })
  while (ended === undefined) {
    const health = await fetch(`http://${endpoint}/health`).then(
      (answer) => answer.text(),
      () => '',
    )
    if (health.includes('true')) return { process: etcd, endpoint }
    await sleep(20)
  }
  if (ended === exitCode(NOT_FOUND)) {
    throw new Error(
      'a cluster needs etcd, and there is none on PATH: on Debian and Ubuntu apt-get install etcd-server, else see https://etcd.io/docs/latest/install/',
    )
  }
  throw new Error(`etcd did not start: ${etcd.lastError || ended}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
