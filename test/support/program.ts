/** Runs other people's programs as children, without blocking the broker that may run in this process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: string | Uint8Array
  env?: Record<string, string>
  cwd?: string
  timeoutMs?: number
}

/** Runs a program to its end; rejects with what it printed where it fails or takes too long. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const outcome = await attempt(command, args, options)
  if (outcome.code !== 0) {
    throw new Error(
      `${command} ${args.join(' ')} ended with ${outcome.code}\n${outcome.stdout}${outcome.stderr}`,
    )
  }
  return outcome
}

/** As `run`, but any exit code will do. */
export async function attempt(
  command: string,
  args: readonly string[],
  { input, env, cwd, timeoutMs = 180_000 }: RunOptions = {},
): Promise<Outcome> {
  const program = new RunningProgram(command, args, { env, cwd })
  const timer = setTimeout(() => program.child.kill('SIGKILL'), timeoutMs)
  // A program that ends before it has read its input closes the pipe; its exit code says why.
  program.child.stdin!.on('error', () => {})
  program.child.stdin!.end(input ?? '')
  try {
    return await program.ended
  } finally {
    clearTimeout(timer)
  }
}

/** A program that runs beside the test. */
export class RunningProgram {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  stdout = ''
  stderr = ''
  /** It has ended, and all that it printed was read. */
  #isOver = false

  constructor(command: string, args: readonly string[], { env, cwd }: RunOptions = {}) {
    this.child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' })
    this.child.stdout!.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.ended = once(this.child, 'close')
      .finally(() => {
        this.#isOver = true
      })
      .then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }))
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1)
  }

  /** Resolves when `condition` holds, looking again whenever the program prints. */
  async until(what: string, condition: () => boolean, timeoutMs = 120_000): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs
    while (!condition()) {
      const left = giveUpAt - performance.now()
      if (left <= 0 || this.#isOver) {
        throw new Error(`${what} did not happen; the program printed\n${this.stdout}${this.stderr}`)
      }
      const { signal, abort } = timer(left)
      const heard = [this.child.stdout!, this.child.stderr!].map((stream) => once(stream, 'data', { signal }))
      await Promise.race([...heard, this.ended]).catch(() => {})
      abort()
      for (const one of heard) one.catch(() => {})
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    this.child.kill(signal)
    return this.ended
  }
}

function timer(ms: number): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  const timeout = setTimeout(() => controller.abort(), ms)
  return {
    signal: controller.signal,
    abort: () => {
      clearTimeout(timeout)
      controller.abort()
    },
  }
}

export function isInstalled(command: string, ...args: string[]): boolean {
  const { status, error } = spawnSync(command, args, { stdio: 'ignore' })
  return error === undefined && status === 0
}
