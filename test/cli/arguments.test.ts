import test from 'ava'
import { chooseSubcommand, parseArguments } from '../../lib/cli/arguments.js'
import { defineCommand } from '../../lib/cli/command.js'

const command = defineCommand({
  name: 'move',
  summary: 'move something',
  positionals: [{ name: 'what', help: 'the thing', required: true }],
  options: {
    by: { type: 'integer', short: 'b', help: 'how far' },
    to: { type: 'string', aliases: ['target'], help: 'where' },
    how: { type: 'string', choices: ['slow', 'fast'], default: 'slow', help: 'how' },
    tag: { type: 'string', multiple: true, help: 'tags' },
    log: { type: 'string', standing: '-', help: 'say what happens' },
    force: { type: 'boolean', short: 'f', help: 'anyway' },
  },
  run: async () => undefined,
})
const parse = (...argv: string[]) => parseArguments(command, argv, ['odradek', 'move'])

test('options have defaults, also where they are not given', (t) => {
  t.deepEqual(parse('it'), {
    options: { by: undefined, to: undefined, how: 'slow', tag: [], log: undefined, force: false },
    positionals: ['it'],
  })
})

test('an option that may stand alone takes the next word unless it is an option', (t) => {
  t.is(parse('it', '--log').options.log, '-')
  t.is(parse('it', '--log', '--force').options.log, '-')
  t.is(parse('it', '--log', 'file').options.log, 'file')
  t.is(parse('it', '--log', '-').options.log, '-')
  t.is(parse('it', '--log=file').options.log, 'file')
})

test('values follow a blank or an equals sign; negative numbers are values', (t) => {
  t.is(parse('it', '--by', '-5').options.by, -5)
  t.is(parse('it', '--by=-5').options.by, -5)
  t.is(parse('it', '-b', '7').options.by, 7)
  t.is(parse('it', '--to', 'a=b').options.to, 'a=b')
  t.is(parse('it', '--to=').options.to, '')
})

test('booleans take no word, but may be said to be false', (t) => {
  t.deepEqual(parse('--force', 'it').positionals, ['it'])
  t.is(parse('it', '-f').options.force, true)
  t.is(parse('it', '--force=false').options.force, false)
})

test('aliases, lists and what follows two dashes', (t) => {
  t.is(parse('it', '--target', 'there').options.to, 'there')
  t.deepEqual(parse('it', '--tag', 'a', '--tag', 'b').options.tag, ['a', 'b'])
  t.deepEqual(parse('--', '--force').positionals, ['--force'])
})

for (const [argv, message] of [
  [['it', '--forse'], 'there is no option --forse; did you mean --force? (see odradek move --help)'],
  [['it', '--zzzzzzzz'], 'there is no option --zzzzzzzz (see odradek move --help)'],
  [['it', '--by'], '--by needs a value (see odradek move --help)'],
  [['it', '--by', '1.5'], '--by is a whole number, not 1.5'],
  [['it', '--by', ''], '--by is a whole number, not '],
  [['it', '--how', 'soon'], '--how is one of slow, fast, not soon'],
  [['it', '--force=maybe'], '--force is true or false, not maybe'],
  [[], 'the what is missing (see odradek move --help)'],
  [['it', 'that'], 'that is one word too many (see odradek move --help)'],
] as const) {
  test(`refuses "${argv.join(' ')}"`, (t) => {
    t.throws(() => parse(...argv), { name: 'UsageError', message })
  })
}

const parent = defineCommand({ name: 'things', summary: 'things', subcommands: [command] })
const choose = (...argv: string[]) => {
  const { subcommand, rest } = chooseSubcommand(parent, argv)
  return [subcommand?.name, ...rest]
}

test('a subcommand is a word, or a flag anywhere, as in Kafka’s tools', (t) => {
  t.deepEqual(choose('move', 'it', '--by', '3'), ['move', 'it', '--by', '3'])
  t.deepEqual(choose('--by', '3', '--move', 'it'), ['move', '--by', '3', 'it'])
  t.deepEqual(choose('--to', 'move', '--move'), ['move', '--to', 'move'])
  t.deepEqual(choose('--help'), [undefined, '--help'])
  t.throws(() => choose('mvoe'), { message: 'things has no command mvoe; did you mean move?' })
})
