// Odradek as it comes: its own process, default settings.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer, RunningPeer } from './peer.js'
import { freePorts, startedPeer } from './started.js'

/** The program as it is shipped. Throws where it is not built. */
export function odradekProgram(root: string): string {
  const program = join(root, 'dist', 'bundle', 'cli', 'main.js')
  if (!existsSync(program)) throw new Error('Odradek is not built: npm run build')
  return program
}

export class Odradek implements Peer {
  readonly name: string
  readonly settings = 'default settings; acks=all answers after fdatasync'
  readonly acksAllOnDisk = true
  readonly #program: string

  constructor(root: string, name = 'odradek') {
    this.name = name
    this.#program = odradekProgram(root)
  }

  async prepare(dataDir: string): Promise<void> {
    mkdirSync(dataDir, { recursive: true })
  }

  async start(dataDir: string, topic?: string): Promise<RunningPeer> {
    const [port] = (await freePorts(1)) as [number]
    const args = [this.#program, 'serve', '--port', String(port), '--data', dataDir]
    return startedPeer(
      () => spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }),
      port,
      dataDir,
      { topic },
    )
  }
}
