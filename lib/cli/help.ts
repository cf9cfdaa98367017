/** Writes help from the declarations of commands, and from nothing else. */
import { type OptionSpec, shownOptions } from './arguments.js'
import type { Command, PositionalSpec, Program } from './command.js'

/** Terminals of this width are the narrowest that are usual. */
const WIDTH = 100

export function programHelp(program: Program, commands: readonly Command[]): string {
  return [
    program.summary,
    '',
    `Usage: ${program.name} COMMAND [options]`,
    '',
    'Commands:',
    ...table(commands.map(({ name, summary }) => [name, summary])),
    '',
    `${program.name} COMMAND --help says more about one; ${program.name} --version prints the version.`,
    '',
  ].join('\n')
}

export function commandHelp(command: Command, path: readonly string[]): string {
  const lines = [sentence(command.summary), '']
  const subcommands = command.subcommands ?? []
  const words = (command.positionals ?? []).map(usageWord)
  if (command.run) lines.push(`Usage: ${[...path, '[options]', ...words].join(' ')}`)
  if (subcommands.length > 0) {
    lines.push(`Usage: ${path.join(' ')} COMMAND [options]`, '', 'Commands:')
    lines.push(...table(subcommands.map(({ name, summary }) => [name, summary])))
  }
  if (command.positionals?.length) {
    lines.push(
      '',
      'Words:',
      ...table(command.positionals.map(({ name, help }) => [name.toUpperCase(), help])),
    )
  }
  lines.push(
    '',
    'Options:',
    ...table(shownOptions(command).map(([name, spec]) => [flag(name, spec), what(spec)])),
  )
  if (command.examples?.length) lines.push('', 'Examples:', ...command.examples.map((line) => `  ${line}`))
  return `${lines.join('\n')}\n`
}

function usageWord({ name, required, variadic }: PositionalSpec): string {
  const word = `${name.toUpperCase()}${variadic ? '...' : ''}`
  return required ? word : `[${word}]`
}

function flag(name: string, spec: OptionSpec): string {
  const placeholder = spec.value ?? (spec.type === 'integer' ? 'N' : 'TEXT')
  const value =
    spec.type === 'boolean' ? '' : spec.standing === undefined ? ` ${placeholder}` : ` [${placeholder}]`
  return `${spec.short ? `-${spec.short}, ` : '    '}--${name}${value}`
}

function what(spec: OptionSpec): string {
  const notes: string[] = []
  if (spec.choices) notes.push(`one of ${spec.choices.join(', ')}`)
  if (spec.default !== undefined && spec.default !== false) notes.push(`default ${spec.default}`)
  if (spec.multiple) notes.push('may be repeated')
  if (spec.aliases?.length) notes.push(`also --${spec.aliases.join(', --')}`)
  return notes.length > 0 ? `${spec.help} (${notes.join('; ')})` : spec.help
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`
}

/** Two columns; the second is wrapped. */
function table(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.min(36, Math.max(...rows.map(([name]) => name.length)))
  const indent = ' '.repeat(left + 4)
  return rows.flatMap(([name, text]) => {
    const lines = wrap(text, WIDTH - indent.length)
    const first = `  ${name.padEnd(left)}  ${lines[0] ?? ''}`
    if (name.length > left) return [`  ${name}`, ...lines.map((line) => indent + line)]
    return [first, ...lines.slice(1).map((line) => indent + line)]
  })
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines
}
