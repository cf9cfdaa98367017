// Compiles the C load generator against the machine's librdkafka and runs its commands. Only this file knows its
// flags and the form of its results.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ChildProcesses } from '../processes.js'

export interface Percentiles {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface Throughput {
  readonly messages: number
  readonly bytes: number
  readonly seconds: number
  readonly mbPerSecond: number
  readonly cpuSeconds: number
}

export interface Produced extends Throughput {
  readonly ack: Percentiles
}

export interface Consumed extends Throughput {
  readonly firstMs: number
}

export interface DiskSpeed {
  readonly bytes: number
  readonly syncOnceMbPerSecond: number
  readonly groupedMbPerSecond: number
  readonly sync4k: Percentiles
}

export type ClientSettings = Readonly<Record<string, string | number | boolean>>

export interface ProduceOptions {
  readonly bootstrap: string
  readonly topic: string
  readonly messages: number
  readonly size: number
  readonly partitions: number
  readonly payload: 'pattern' | 'text'
  readonly client: ClientSettings
}

export class GeneratorError extends Error {
  override readonly name = 'GeneratorError'
}

function flags(options: Readonly<Record<string, string | number>>, client: ClientSettings = {}): string[] {
  const list = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  return list.concat(Object.entries(client).flatMap(([name, value]) => ['-X', `${name}=${value}`]))
}

/** A producer that runs beside another measurement until it is stopped. */
export interface PacedProducer {
  stop(): Promise<Percentiles>
}

export class Generator {
  readonly #program: string

  private constructor(program: string) {
    this.#program = program
  }

  /** Compiles the sources unless a program of the same sources is there. */
  static build(sources: string, cache: string): Generator {
    const files = readdirSync(sources).filter((name) => /\.[ch]$/.test(name))
    const hash = createHash('sha256')
    for (const name of files.sort()) hash.update(name).update(readFileSync(join(sources, name)))
    const program = join(cache, `load-${hash.digest('hex').slice(0, 12)}`)
    if (!existsSync(program)) {
      mkdirSync(cache, { recursive: true })
      const units = files.filter((name) => name.endsWith('.c')).map((name) => join(sources, name))
      const compiler = process.env.CC ?? 'cc'
      const result = spawnSync(
        compiler,
        ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-o', program, ...units, '-lrdkafka', '-lpthread'],
        { encoding: 'utf8' },
      )
      if (result.status !== 0) {
        const why = result.error?.message ?? result.stderr
        throw new GeneratorError(
          `the load generator needs a C compiler and librdkafka's headers (Debian: librdkafka-dev):\n${why}`,
        )
      }
    }
    return new Generator(program)
  }

  async #run<T>(command: string, args: readonly string[]): Promise<T> {
    const child = ChildProcesses.add(
      spawn(this.#program, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
    let output = ''
    let errors = ''
    child.stdout!.on('data', (part) => (output += part))
    child.stderr!.on('data', (part) => (errors += part))
    const code = await new Promise((ended) => child.once('close', ended))
    if (code !== 0) throw new GeneratorError(`load ${command}: ${errors.trim().split('\n').at(-1) ?? code}`)
    return JSON.parse(output) as T
  }

  produce(options: ProduceOptions): Promise<Produced> {
    const { client, ...rest } = options
    return this.#run('produce', flags(rest, client))
  }

  consume(options: {
    bootstrap: string
    topic: string
    messages: number
    partitions: number
  }): Promise<Consumed> {
    return this.#run('consume', flags(options))
  }

  latency(options: {
    bootstrap: string
    topic: string
    messages: number
    warm: number
    size: number
    client: ClientSettings
  }): Promise<{ endToEnd: Percentiles; ack: Percentiles }> {
    const { client, ...rest } = options
    return this.#run('latency', flags(rest, client))
  }

  disk(path: string, bytes: number): Promise<DiskSpeed> {
    return this.#run('disk', flags({ path, bytes }))
  }

  /** MB/s of one writer beside a thread that flushes without a pause. */
  async grouped(path: string, bytes: number): Promise<number> {
    return (await this.#run<{ mbPerSecond: number }>('grouped', flags({ path, bytes }))).mbPerSecond
  }

  /** Fills free memory with clean page cache until `leave` bytes are free; the file that it uses holds nothing. */
  recycle(path: string, leave: number): Promise<object> {
    return this.#run('recycle', flags({ path, bytes: leave }))
  }

  /** Makes the page cache lose the files of a folder; tells what stayed. */
  evict(path: string): Promise<{ bytes: number; residentBytes: number }> {
    return this.#run('evict', flags({ path }))
  }

  paced(options: {
    bootstrap: string
    topic: string
    rate: number
    size: number
    warm: number
    client: ClientSettings
  }): PacedProducer {
    const { client, ...rest } = options
    const child = ChildProcesses.add(
      spawn(this.#program, ['paced', ...flags({ ...rest, seconds: 600 }, client)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
    let output = ''
    let errors = ''
    child.stdout!.on('data', (part) => (output += part))
    child.stderr!.on('data', (part) => (errors += part))
    const ended = new Promise((done) => child.once('close', done))
    return {
      async stop() {
        child.kill('SIGTERM')
        const code = await ended
        if (code !== 0) throw new GeneratorError(`load paced: ${errors.trim()}`)
        return (JSON.parse(output) as { ack: Percentiles }).ack
      },
    }
  }

  /** Starts the broker that keeps nothing. */
  async sink(options: { partitions: number; size: number; payload: string; batch: number }): Promise<{
    bootstrap: string
    stop(): void
  }> {
    const child = ChildProcesses.add(
      spawn(this.#program, ['sink', ...flags(options)], { stdio: ['ignore', 'pipe', 'inherit'] }),
    )
    const line = await new Promise<string>((ready, fail) => {
      child.stdout!.once('data', (part) => ready(String(part)))
      child.once('exit', (code) => fail(new GeneratorError(`load sink ended with ${code}`)))
    })
    return { bootstrap: line.trim().split(' ')[1]!, stop: () => child.kill('SIGKILL') }
  }
}
