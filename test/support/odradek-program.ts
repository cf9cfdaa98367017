/** Runs the built command line as its users do: as a program of its own. */
import { attempt, type Outcome, RunningProgram } from './program.js'

const main = new URL('../../lib/cli/main.js', import.meta.url).pathname

/** The program with the address of one broker. */
export class Odradek {
  readonly #bootstrap: string

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap
  }

  /** Resolves to what was printed; rejects where the exit code is not 0. */
  async run(args: string, input?: string | Uint8Array): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, input)
    if (code !== 0) throw new Error(`odradek ${args} ended with ${code}: ${stderr}`)
    return stdout
  }

  try(args: string, input?: string | Uint8Array): Promise<Outcome> {
    return attempt(process.execPath, [main, ...this.#words(args)], { input })
  }

  start(args: string): RunningProgram {
    return new RunningProgram(process.execPath, [main, ...this.#words(args)])
  }

  #words(args: string): string[] {
    return [...args.split(' '), '--bootstrap-server', this.#bootstrap]
  }
}

/** The program without any broker. */
export function odradek(...args: string[]): Promise<Outcome> {
  return attempt(process.execPath, [main, ...args])
}

/** The one line of a failed command. */
export function failure({ code, stdout, stderr }: Outcome): string {
  if (code !== 1 || stdout !== '' || stderr.split('\n').length !== 2) {
    throw new Error(`not one line and exit code 1: ${code}, ${stdout}, ${stderr}`)
  }
  return stderr.trimEnd()
}

export function jsonLines<T = Record<string, unknown>>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
