// Kafka's jars, and Kafka's own performance tools run from them with the heap that their scripts give them.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ChildProcesses } from '../processes.js'

const TOOL_HEAP = '-Xmx512m'
export const QUIET_LOGGING = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'

/** The classpath of Kafka's jars, fetched if need be; throws what the script says when Java or Maven is missing. */
export function kafkaClassPath(root: string): string {
  const result = spawnSync(process.execPath, [join(root, 'scripts', 'kafka.js'), 'libs'], {
    encoding: 'utf8',
  })
  if (result.status !== 0) throw new Error(result.stderr.trim())
  return `${result.stdout.trim()}/*`
}

export class JavaTools {
  readonly #classPath: string

  constructor(classPath: string) {
    this.#classPath = classPath
  }

  async #run(tool: string, args: readonly string[]): Promise<string> {
    const child = ChildProcesses.add(
      spawn(
        'java',
        [
          TOOL_HEAP,
          '-XX:+UseG1GC',
          QUIET_LOGGING,
          '-cp',
          this.#classPath,
          `org.apache.kafka.tools.${tool}`,
          ...args,
        ],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      ),
    )
    let output = ''
    let errors = ''
    child.stdout!.on('data', (part) => (output += part))
    child.stderr!.on('data', (part) => (errors += part))
    const code = await new Promise((ended) => child.once('close', ended))
    if (code !== 0) throw new Error(`${tool} ended with ${code}: ${errors.trim().slice(-500)}`)
    return output
  }

  /** The rate of what was sent after the warm-up records. */
  async produce(options: {
    bootstrap: string
    topic: string
    messages: number
    warm: number
    size: number
    properties: readonly string[]
  }): Promise<{ mbPerSecond: number; p50: number; p99: number; p999: number }> {
    const output = await this.#run('ProducerPerformance', [
      ...['--bootstrap-server', options.bootstrap, '--topic', options.topic],
      ...['--num-records', String(options.messages + options.warm), '--warmup-records', String(options.warm)],
      ...['--record-size', String(options.size), '--throughput', '-1'],
      // Of several such options the tool takes the last alone.
      ...(options.properties.length > 0 ? ['--command-property', ...options.properties] : []),
    ])
    const line = output.split('\n').find((text) => text.includes('steady state records sent'))
    const rate = /([\d.]+) records\/sec/.exec(line ?? '')
    const times = /(\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th, (\d+) ms 99\.9th/.exec(line ?? '')
    if (rate === null || times === null) throw new Error(`ProducerPerformance said: ${output.slice(-500)}`)
    return {
      mbPerSecond: (Number(rate[1]) * options.size) / 1e6,
      p50: Number(times[1]),
      p99: Number(times[2]),
      p999: Number(times[3]),
    }
  }

  /** The rate while fetching: without the time to join a group. */
  async consume(options: { bootstrap: string; topic: string; messages: number }): Promise<{
    mbPerSecond: number
    messages: number
  }> {
    const output = await this.#run('ConsumerPerformance', [
      ...['--bootstrap-server', options.bootstrap, '--topic', options.topic],
      ...['--num-records', String(options.messages), '--timeout', '60000'],
    ])
    const lines = output.trim().split('\n')
    const names = lines.find((line) => line.startsWith('start.time'))?.split(', ')
    const values = lines.at(-1)!.split(', ')
    const value = (name: string) => Number(values[names?.indexOf(name) ?? -1])
    const result = {
      mbPerSecond: value('fetch.MB.sec') * 1.048576,
      messages: value('data.consumed.in.nMsg'),
    }
    if (!(result.mbPerSecond > 0)) throw new Error(`ConsumerPerformance said: ${output.slice(-500)}`)
    return result
  }

  async latency(options: {
    bootstrap: string
    topic: string
    messages: number
    acks: string
    size: number
  }): Promise<{ mean: number; p50: number; p99: number; p999: number }> {
    const { bootstrap, topic, messages, acks, size } = options
    const output = await this.#run('EndToEndLatency', [
      bootstrap,
      topic,
      String(messages),
      acks,
      String(size),
    ])
    const mean = /Avg latency: ([\d.]+)/.exec(output)
    const times = /50th = ([\d.]+), 99th = ([\d.]+), 99\.9th = ([\d.]+)/.exec(output)
    if (mean === null || times === null) throw new Error(`EndToEndLatency said: ${output.slice(-500)}`)
    return { mean: Number(mean[1]), p50: Number(times[1]), p99: Number(times[2]), p999: Number(times[3]) }
  }
}
