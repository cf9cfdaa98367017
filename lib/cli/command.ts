/**
 * What a command of the command line is, and how one is chosen and run. A command is declared once: its arguments
 * are parsed, and its help is written, from that declaration.
 *
 * A subcommand is chosen by its name as the first word (`topics create`) or, as in Kafka's own tools, by a flag of
 * that name anywhere (`topics --create`).
 */
import type { Readable, Writable } from 'node:stream'
import { chooseSubcommand, type OptionSpecs, type OptionValues, parseArguments } from './arguments.js'
import { commandHelp, programHelp } from './help.js'
import { UsageError } from './usage-error.js'

export interface PositionalSpec {
  name: string
  help: string
  required?: boolean
  /** Takes all words that are left. */
  variadic?: boolean
}

export interface CommandIo {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: NodeJS.ProcessEnv
}

export interface CommandArguments<O extends OptionSpecs = OptionSpecs> {
  readonly options: OptionValues<O>
  readonly positionals: readonly string[]
}

export interface CommandSpec<O extends OptionSpecs> {
  name: string
  /** One line, in the list of commands. */
  summary: string
  options?: O
  positionals?: readonly PositionalSpec[]
  /** Lines of the help's examples, each a whole command line. */
  examples?: readonly string[]
  subcommands?: readonly Command[]
  /** Resolves to the exit code; nothing means 0. A rejection is printed as one line, and the exit code is 1. */
  run?(args: CommandArguments<O>, io: CommandIo): Promise<number | undefined>
}

/** A declared command, its option types forgotten. */
export interface Command extends Omit<CommandSpec<OptionSpecs>, 'run'> {
  run?(
    args: { options: Record<string, unknown>; positionals: readonly string[] },
    io: CommandIo,
  ): Promise<number | undefined>
}

/** Declares a command; the types of `args.options` in `run` follow from `options`. */
export function defineCommand<const O extends OptionSpecs>(spec: CommandSpec<O>): Command {
  return spec as unknown as Command
}

/** A command that is loaded when it is asked for, so that starting one does not load the others. */
export interface CommandEntry {
  name: string
  load(): Promise<Command>
}

export interface Program {
  name: string
  version: string
  summary: string
  commands: readonly CommandEntry[]
}

/** Runs one command line to its end. Resolves to the exit code and never rejects. */
export async function runProgram(program: Program, argv: readonly string[], io: CommandIo): Promise<number> {
  let failurePrefix = program.name
  // A reader that has seen enough, as head has, closes the pipe: no failure of the command.
  io.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') io.stderr.write(`${failurePrefix}: ${oneLine(error)}\n`)
  })
  try {
    const [word, ...rest] = argv
    if (word === undefined || word === '--help' || word === '-h' || word === 'help') {
      return await help(program, word === 'help' ? rest : [], io)
    }
    if (word === '--version' || word === '-v') {
      io.stdout.write(`${program.version}\n`)
      return 0
    }
    const command = await loadCommand(program, word)
    failurePrefix = `${program.name} ${word}`
    return await runCommand(command, rest, [program.name, command.name], io)
  } catch (error) {
    io.stderr.write(`${failurePrefix}: ${oneLine(error)}\n`)
    return 1
  }
}

async function runCommand(
  command: Command,
  argv: readonly string[],
  path: readonly string[],
  io: CommandIo,
): Promise<number> {
  const { subcommand, rest } = chooseSubcommand(command, argv)
  if (subcommand) return runCommand(subcommand, rest, [...path, subcommand.name], io)
  if (wantsHelp(argv)) {
    io.stdout.write(commandHelp(command, path))
    return 0
  }
  if (!command.run) {
    const names = (command.subcommands ?? []).map(({ name }) => name).join(', ')
    throw new UsageError(`say what to do, one of ${names} (see ${path.join(' ')} --help)`)
  }
  return (await command.run(parseArguments(command, argv, path), io)) ?? 0
}

async function help(program: Program, words: readonly string[], io: CommandIo): Promise<number> {
  const [word, ...rest] = words
  if (word === undefined) {
    const commands = await Promise.all(program.commands.map(({ load }) => load()))
    io.stdout.write(programHelp(program, commands))
    return 0
  }
  let command = await loadCommand(program, word)
  const path = [program.name, command.name]
  for (const name of rest) {
    const subcommand = command.subcommands?.find((candidate) => candidate.name === name)
    if (!subcommand) throw new UsageError(`${path.join(' ')} has no command ${name}`)
    command = subcommand
    path.push(name)
  }
  io.stdout.write(commandHelp(command, path))
  return 0
}

function loadCommand(program: Program, word: string): Promise<Command> {
  const entry = program.commands.find(({ name }) => name === word)
  if (entry) return entry.load()
  const names = program.commands.map(({ name }) => name).join(', ')
  throw new UsageError(`there is no command ${word}; there are ${names} (see ${program.name} --help)`)
}

/** Words after `--` are data, not flags. */
function wantsHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const flags = end < 0 ? argv : argv.slice(0, end)
  return flags.includes('--help') || flags.includes('-h')
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.replace(/\s*\n\s*/g, ' ')
}
