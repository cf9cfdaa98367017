/**
 * Turns the words of a command line into the typed values that a command's declaration asks for. Unlike
 * `util.parseArgs` it takes negative numbers as values, knows numbers and choices, and names the nearest option.
 */
import { nearestName } from '../config/nearest.js'
import type { Command } from './command.js'
import { UsageError } from './usage-error.js'

export interface OptionSpec {
  type: 'string' | 'integer' | 'boolean'
  /** One letter, used as `-p 6`. */
  short?: string
  help: string
  /** Stands for the value in the help. */
  value?: string
  default?: string | number | boolean
  choices?: readonly string[]
  /** May be given several times; the value is a list. */
  multiple?: boolean
  /** The value where none follows: the option may stand alone. */
  standing?: string
  /** Other names of the same option, such as those in other tools of Kafka. */
  aliases?: readonly string[]
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

type Single<S extends OptionSpec> = S['type'] extends 'integer'
  ? number
  : S['type'] extends 'boolean'
    ? boolean
    : S extends { choices: readonly (infer C)[] }
      ? C
      : string

type Value<S extends OptionSpec> = S extends { multiple: true }
  ? Single<S>[]
  : S extends { default: string | number | boolean }
    ? Single<S>
    : S['type'] extends 'boolean'
      ? boolean
      : Single<S> | undefined

export type OptionValues<O extends OptionSpecs> = { -readonly [K in keyof O]: Value<O[K]> }

/** Every command has it; the runner answers it. */
const HELP: OptionSpec = { type: 'boolean', short: 'h', help: 'print this help' }

interface Found {
  name: string
  spec: OptionSpec
}

/** Finds the subcommand that a command line names, by word or by flag, and the words without it. */
export function chooseSubcommand(
  command: Command,
  argv: readonly string[],
): { subcommand?: Command; rest: readonly string[] } {
  const subcommands = command.subcommands ?? []
  if (subcommands.length === 0) return { rest: argv }
  const optionSets = [command, ...subcommands].map(({ options }) => options ?? {})
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') break
    const name = word.replace(/^--/, '')
    const subcommand = subcommands.find((candidate) => candidate.name === name)
    if (subcommand) return { subcommand, rest: argv.toSpliced(i, 1) }
    if (!word.startsWith('-')) {
      throw new UsageError(`${command.name} has no command ${word}${nearest(word, subcommands)}`)
    }
    const found = optionSets.map((options) => findOption(options, word)).find((option) => option)
    if (found && found.spec.type !== 'boolean' && !word.includes('=')) i++
  }
  return { rest: argv }
}

/** Parses the words that follow a command's name. */
export function parseArguments(
  command: Command,
  argv: readonly string[],
  path: readonly string[],
): { options: Record<string, unknown>; positionals: readonly string[] } {
  const specs = command.options ?? {}
  const seeHelp = `(see ${path.join(' ')} --help)`
  const options: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(specs)) {
    options[name] = spec.multiple ? [] : (spec.default ?? (spec.type === 'boolean' ? false : undefined))
  }
  const positionals: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') {
      positionals.push(...argv.slice(i + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word)
      continue
    }
    const found = findOption(specs, word)
    if (!found) {
      const names = Object.keys(specs).map((name) => ({ name }))
      throw new UsageError(`there is no option ${word.split('=')[0]}${nearest(word, names, '--')} ${seeHelp}`)
    }
    const { name, spec } = found
    const at = word.startsWith('--') ? word.indexOf('=') : -1
    let text = at < 0 ? undefined : word.slice(at + 1)
    if (spec.type !== 'boolean' && text === undefined) {
      const next = argv[i + 1]
      const alone = spec.standing !== undefined && (next === undefined || /^-./.test(next))
      text = alone ? spec.standing : argv[++i]
      if (text === undefined) throw new UsageError(`--${name} needs a value ${seeHelp}`)
    }
    const value = convert(name, spec, text)
    if (spec.multiple) (options[name] as unknown[]).push(value)
    else options[name] = value
  }
  checkPositionals(command, positionals, seeHelp)
  return { options, positionals }
}

/** All options of a command as the help shows them. */
export function shownOptions(command: Command): [string, OptionSpec][] {
  return [...Object.entries(command.options ?? {}), ['help', HELP]]
}

function findOption(specs: OptionSpecs, word: string): Found | undefined {
  const entries = Object.entries(specs)
  if (word.startsWith('--')) {
    const name = word.slice(2).split('=')[0]!
    const entry = entries.find(([key, spec]) => key === name || spec.aliases?.includes(name))
    return entry && { name: entry[0], spec: entry[1] }
  }
  const entry = entries.find(([, spec]) => spec.short !== undefined && `-${spec.short}` === word)
  return entry && { name: entry[0], spec: entry[1] }
}

function convert(name: string, spec: OptionSpec, text: string | undefined): string | number | boolean {
  if (spec.type === 'boolean') {
    if (text === undefined || text === 'true') return true
    if (text === 'false') return false
    throw new UsageError(`--${name} is true or false, not ${text}`)
  }
  if (spec.type === 'integer') {
    const number = Number(text)
    if (text?.trim() === '' || !Number.isSafeInteger(number)) {
      throw new UsageError(`--${name} is a whole number, not ${text}`)
    }
    return number
  }
  if (spec.choices && !spec.choices.includes(text!)) {
    throw new UsageError(`--${name} is one of ${spec.choices.join(', ')}, not ${text}`)
  }
  return text!
}

function checkPositionals(command: Command, positionals: readonly string[], seeHelp: string): void {
  const specs = command.positionals ?? []
  const required = specs.filter((spec) => spec.required)
  if (positionals.length < required.length) {
    throw new UsageError(`the ${required[positionals.length]!.name} is missing ${seeHelp}`)
  }
  if (!specs.some((spec) => spec.variadic) && positionals.length > specs.length) {
    throw new UsageError(`${positionals[specs.length]} is one word too many ${seeHelp}`)
  }
}

function nearest(word: string, candidates: readonly { name: string }[], prefix = ''): string {
  const wanted = word.replace(/^-+/, '').split('=')[0]!
  const best = nearestName(
    wanted,
    candidates.map(({ name }) => name),
  )
  return best === undefined ? '' : `; did you mean ${prefix}${best}?`
}
