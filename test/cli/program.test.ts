import { readFile } from 'node:fs/promises'
import test from 'ava'
import { failure, odradek } from '../support/odradek-program.js'

const commands = ['serve', 'topics', 'produce', 'consume', 'groups', 'configs', 'bench']

test('--help lists every command with its summary', async (t) => {
  for (const args of [[], ['--help'], ['-h'], ['help']]) {
    const { code, stdout } = await odradek(...args)
    t.is(code, 0)
    for (const command of commands) t.regex(stdout, new RegExp(`^  ${command} +\\w.+$`, 'm'))
  }
})

test('each command’s help comes from its declaration', async (t) => {
  const { stdout } = await odradek('groups', 'reset-offsets', '--help')
  t.regex(stdout, /^Usage: odradek groups reset-offsets \[options\] \[GROUP\.\.\.\]$/m)
  t.regex(stdout, /^ {6}--shift-by N +by so many records, back with a minus$/m)
  t.regex(
    stdout,
    /^ {2}-b, --bootstrap-server HOST:PORT +a broker to ask first, .*\(default:\n +.*127\.0\.0\.1:9092\)$/m,
  )
  t.is((await odradek('help', 'groups', 'reset-offsets')).stdout, stdout)
  t.is((await odradek('groups', '--reset-offsets', '--help')).stdout, stdout)
  t.true(stdout.split('\n').every((line) => line.length <= 100))
})

test('--version prints the package’s', async (t) => {
  const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'))
  t.is((await odradek('--version')).stdout, `${version}\n`)
})

test('a wrong command line gives one line and exit code 1', async (t) => {
  t.regex(failure(await odradek('topcs')), /^odradek: there is no command topcs; there are serve, topics/)
  t.regex(failure(await odradek('topics')), /^odradek topics: say what to do, one of list, create/)
  t.is(
    failure(await odradek('topics', 'create', 'x', '--partition', '3')),
    'odradek topics: there is no option --partition; did you mean --partitions? (see odradek topics create --help)',
  )
  t.regex(failure(await odradek('groups', 'reset-offsets', 'g', '-t', 'x')), /choose one of --to-earliest/)
  t.regex(
    failure(await odradek('groups', 'reset-offsets', 'g', '--to-earliest')),
    /give --topic or --all-topics/,
  )
  t.regex(failure(await odradek('configs', 'describe')), /say whose settings/)
  t.regex(
    failure(await odradek('consume', 'x', '--group', 'g', '--offset', '3')),
    /leave --partition and --offset out/,
  )
  t.regex(
    failure(await odradek('produce', 'x', '--producer-property', 'acsk=1')),
    /acsk is not supported; there are/,
  )
})

test('a broker that does not answer gives one line and exit code 1', async (t) => {
  for (const args of [
    ['topics', 'list'],
    ['consume', 'x'],
    ['produce', 'x'],
    ['groups', 'list'],
    ['configs', 'describe', '--topic', 'x'],
  ]) {
    const line = failure(await odradek(...args, '--bootstrap-server', '127.0.0.1:1'))
    t.is(line, `odradek ${args[0]}: Connection to 127.0.0.1:1 failed: ECONNREFUSED`)
  }
})
