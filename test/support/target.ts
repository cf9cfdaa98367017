/**
 * The broker that clients are tested against: one in this process, or Apache Kafka with KAFKA_CONTROL=1, which
 * shows that a scenario asks for what Kafka does.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunningProgram } from './program.js'
import { steadyPort } from './steady-port.js'

export interface Target extends AsyncDisposable {
  readonly bootstrap: string
  readonly dataDir: string
}

export const packageRoot = new URL('../../../', import.meta.url).pathname
const kafkaScript = join(packageRoot, 'scripts', 'kafka.js')

export function openTarget(): Promise<Target> {
  return process.env.KAFKA_CONTROL === '1' ? startApacheKafka() : openOdradek()
}

export async function openOdradek(overrides: Readonly<Record<string, string>> = {}): Promise<Target> {
  const { createBroker } = await import('../../lib/broker/broker.js')
  const broker = await createBroker({
    port: 0,
    properties: { 'group.initial.rebalance.delay.ms': '0', ...overrides },
  })
  return {
    bootstrap: broker.bootstrap,
    dataDir: broker.dataDir,
    [Symbol.asyncDispose]: () => broker.close(),
  }
}

/** `overrides` are settings of the broker. `existing` is a data folder that Kafka wrote before; it is left there. */
export async function startApacheKafka(
  overrides: Readonly<Record<string, string>> = {},
  existing?: string,
): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'apache-kafka-'))
  const dataDir = existing ?? join(folder, 'data')
  const port = await steadyPort()
  const settings = Object.entries(overrides).flatMap(([name, value]) => ['--override', `${name}=${value}`])
  const kafka = new RunningProgram(process.execPath, [
    kafkaScript,
    'start',
    String(port),
    dataDir,
    ...settings,
  ])
  await kafka.until('Kafka being ready', () => kafka.stdout.includes('READY'), 360_000)
  return {
    bootstrap: `127.0.0.1:${port}`,
    dataDir,
    [Symbol.asyncDispose]: async () => {
      await kafka.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface KafkaJars {
  /** The folder of Kafka's jars, or why there is none. */
  libs?: string
  missing?: string
}

/** Fetches Kafka's jars where Java and Maven are there. */
export function kafkaJars(): KafkaJars {
  const { status, stdout, stderr } = spawnSync(process.execPath, [kafkaScript, 'libs'], { encoding: 'utf8' })
  return status === 0 ? { libs: stdout.trim() } : { missing: stderr.trim().split('\n')[0] }
}

/** A name that no other test uses. */
export function uniqueName(prefix: string): string {
  return `${prefix.replace(/[^a-zA-Z0-9._-]+/g, '-')}-${randomBytes(4).toString('hex')}`
}
