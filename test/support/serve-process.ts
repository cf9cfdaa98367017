/** Starts `odradek serve` as a process of its own, and waits for what it says. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const main = new URL('../../lib/cli/main.js', import.meta.url).pathname

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export class ServeProcess {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { cwd, uid }: { cwd?: string; uid?: number } = {},
  ) {
    this.child = spawn(process.execPath, [main, 'serve', ...args], {
      cwd,
      uid,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout!.on('data', (chunk) => {
      this.stdout += chunk
    })
    this.child.stderr!.on('data', (chunk) => {
      this.stderr += chunk
    })
    this.ended = once(this.child, 'close').then(([code, signal]) => ({
      code,
      signal,
      stdout: this.stdout,
      stderr: this.stderr,
    }))
  }

  /** The port in the line that says the broker is ready. Rejects where it ends before. */
  async ready(): Promise<number> {
    while (!this.stdout.includes('\n')) {
      const more = once(this.child.stdout!, 'data').then(() => undefined)
      const ended = await Promise.race([more, this.ended])
      if (ended !== undefined) throw new Error(`ended with ${ended.code}: ${ended.stderr}`)
    }
    return Number(/:(\d+)\n/.exec(this.stdout)![1])
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }
}

export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'odradek-serve-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
