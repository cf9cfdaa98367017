// Starting a broker's process and waiting until it serves: the same for every peer.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { ChildProcesses } from '../processes.js'
import type { RunningPeer } from './peer.js'
import { Wire } from './wire.js'

const READY_TIMEOUT_MS = 120_000
const MOST_WORDS = 4000
const STOP_TIMEOUT_MS = 30_000
const ASK_EVERY_MS = 2
/** Of several brokers that start side by side: asking costs them, too. */
const ASK_IN_CLUSTER_EVERY_MS = 25
const MOST_OF_A_LINE = 300

/** Different ports: each is held until all are known. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}

async function serves(port: number, topic: string | undefined, inCluster: number): Promise<boolean> {
  try {
    using wire = await Wire.connect(port)
    await wire.apiVersions()
    const { brokers, topics } = await wire.metadata(topic === undefined ? [] : [topic])
    return (
      brokers >= inCluster &&
      topics.every(({ error, partitions }) => error === 0 && partitions.every(({ leader }) => leader >= 0))
    )
  } catch {
    return false
  }
}

const firstLine = (text: string) => text.trim().split('\n')[0]!.slice(0, MOST_OF_A_LINE)

/**
 * Ready when `topic` has a leader everywhere and `brokers` are known. `spawn` must start the process when called: the
 * ready time counts from there.
 */
export async function startedPeer(
  spawn: () => ChildProcess,
  port: number,
  dataDir: string,
  { topic, brokers = 1 }: { topic?: string | undefined; brokers?: number } = {},
): Promise<RunningPeer> {
  const startedAt = performance.now()
  const child = ChildProcesses.add(spawn())
  let words = ''
  child.stderr?.on('data', (part) => (words = (words + part).slice(0, MOST_WORDS)))
  child.stdout?.resume()
  const ended = new Promise<void>((done) => child.once('close', () => done()))
  while (!(await serves(port, topic, brokers))) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
      throw new Error(`the broker ended before it was ready: ${firstLine(words)}`)
    if (performance.now() - startedAt > READY_TIMEOUT_MS) {
      child.kill('SIGKILL')
      throw new Error(`the broker was not ready within ${READY_TIMEOUT_MS} ms: ${firstLine(words)}`)
    }
    await new Promise((wake) => setTimeout(wake, brokers > 1 ? ASK_IN_CLUSTER_EVERY_MS : ASK_EVERY_MS))
  }
  return {
    pid: child.pid!,
    bootstrap: `127.0.0.1:${port}`,
    dataDir,
    readyMs: performance.now() - startedAt,
    async stop() {
      child.kill('SIGTERM')
      const giveUp = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(giveUp)
      if (child.exitCode === null && child.signalCode !== 'SIGTERM')
        throw new Error('the broker did not stop')
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
