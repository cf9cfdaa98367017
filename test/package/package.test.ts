/**
 * The packed tarball as its users get it: installed into an empty folder where no compiler is, with a prebuilt addon,
 * and used as a program, as a library and from TypeScript.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import test from 'ava'
import { attempt, type Outcome } from '../support/program.js'

const root = new URL('../../../', import.meta.url).pathname

/** The first of a program's name on the PATH. */
function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    // What npm puts in front for its scripts is not what is installed.
    if (folder.includes('node_modules')) continue
    try {
      return realpathSync(join(folder, name))
    } catch {}
  }
  return undefined
}

const work = mkdtempSync(join(tmpdir(), 'odradek-package-'))
const consumer = join(work, 'consumer')
const programs = join(work, 'bin')

/** As on a machine without compilers: only what npm itself needs is on the PATH. */
function inConsumer(command: string, ...args: string[]): Promise<Outcome> {
  const env: Record<string, string> = { PATH: programs, npm_config_update_notifier: 'false' }
  // What npm tells the scripts that run this test.
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('npm_') && !name.endsWith('_registry') && name !== 'npm_config_cache') env[name] = ''
  }
  return attempt(join(programs, command), args, { cwd: consumer, env, timeoutMs: 240_000 })
}

function succeeded({ code, stdout, stderr }: Outcome): string {
  if (code !== 0) throw new Error(`ended with ${code}\n${stdout}${stderr}`)
  return stdout
}

/** Packs a copy, so that nothing appears in the project's folder. */
function pack(): { tarball: string; files: { path: string; size: number }[]; size: number } {
  const stage = join(work, 'stage')
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] }
  const parts = files.filter((name) => !name.startsWith('!') && name !== 'prebuilds')
  mkdirSync(join(stage, 'scripts'), { recursive: true })
  for (const name of [...parts, 'package.json', 'README.md', 'LICENSE']) {
    cpSync(join(root, name), join(stage, name), { recursive: true })
  }
  execFileSync(process.execPath, [join(root, 'scripts', 'prebuild.js'), '--compiled', '--out', stage])
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', work], {
    cwd: stage,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [{ filename, size, files: paths }] = JSON.parse(packed)
  return { tarball: join(work, filename), files: paths, size }
}

/** What npm says where it cannot get the dependencies, whatever the tarball is like. */
const noRegistry = /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENOTCACHED|ENETUNREACH|E429|E5\d\d|network|socket/

async function install(tarball: string): Promise<Outcome> {
  mkdirSync(consumer)
  mkdirSync(programs)
  symlinkSync(process.execPath, join(programs, 'node'))
  for (const name of ['npm', 'npx', 'sh']) symlinkSync(findProgram(name)!, join(programs, name))
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module", "private": true }')
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  return inConsumer('npm', 'install', tarball, ...quiet)
}

const without = ['npm', 'npx', 'sh'].find((name) => findProgram(name) === undefined)
const packed = without === undefined ? pack() : undefined
const installed = packed && (await install(packed.tarball))
const why =
  without !== undefined
    ? `${without} is missing`
    : installed!.code !== 0 && noRegistry.test(installed!.stderr)
      ? 'npm reaches no registry'
      : undefined
const packageTest = why === undefined ? test.serial : test.skip
const skipped = why === undefined ? '' : ` (skipped: ${why})`

test.after.always(() => rmSync(work, { recursive: true, force: true }))

packageTest(`the tarball holds what runs, what types it and what compiles it, and no more${skipped}`, (t) => {
  const has = new Set(packed!.files.map(({ path }) => path))
  for (const path of [
    'dist/lib/index.js',
    'dist/lib/index.d.ts',
    'dist/bundle/cli/main.js',
    'binding.gyp',
    'native/node/addon.cc',
    'scripts/install.js',
    'README.md',
    'LICENSE',
    'docs/zerocopy.md',
  ]) {
    t.true(has.has(path), path)
  }
  t.true([...has].some((path) => /^prebuilds\/[\w-]+\/odradek[.\w]*\.node$/.test(path)))
  const strangers = [...has].filter((path) =>
    /^(test|bench|lib|build|node_modules)\/|^native\/testing\/(test|fuzz)\/|\.map$/.test(path),
  )
  t.deepEqual(strangers, [])
  t.true(packed!.size < 3_000_000, `${packed!.size} bytes`)
})

packageTest(`it installs and runs where no compiler is${skipped}`, async (t) => {
  for (const name of ['g++', 'cc', 'clang', 'make', 'python3']) {
    const found = await attempt(join(programs, 'sh'), ['-c', `command -v ${name}`], {
      env: { PATH: programs },
    })
    t.not(found.code, 0, name)
  }
  succeeded(installed!)
  t.throws(
    () => readdirSync(join(consumer, 'node_modules', 'odradek', 'build')),
    { code: 'ENOENT' },
    'nothing was compiled',
  )
  t.regex(succeeded(await inConsumer('npx', 'odradek', 'help')), /Usage: odradek COMMAND/)

  writeFileSync(
    join(consumer, 'use.js'),
    `import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { createBroker } from 'odradek'
import { Log } from 'odradek/log'
import { pipeRange, sendFile } from 'odradek/zerocopy'
import { Consumer, Producer } from '@platformatic/kafka'

const log = await Log.open('./events', { compression: 'zstd' })
await log.append([{ key: 'a', value: 'one' }, { value: 'two' }])
const values = []
for await (const { value } of log.read()) values.push(String(value))

const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const peer = connect(server.address().port)
const [socket] = await once(server, 'connection')
const { range } = await log.readRange(0)
const piped = await pipeRange(range, socket)
const sent = await sendFile(socket, 'package.json')
socket.end()
let received = 0
for await (const chunk of peer) received += chunk.length
server.close()
await log.close()

const broker = await createBroker({ port: 0 })
const options = { clientId: 'packed', bootstrapBrokers: [broker.bootstrap] }
const producer = new Producer({ ...options, autocreateTopics: true })
await producer.send({ messages: [{ topic: 'greetings', key: Buffer.from('k'), value: Buffer.from('hello') }] })
await producer.close()
const consumer = new Consumer({ ...options, groupId: 'readers' })
const stream = await consumer.consume({ topics: ['greetings'], mode: 'earliest' })
const [message] = await once(stream, 'data')
await consumer.close(true)
await broker.close()
console.log(JSON.stringify({ values, whole: received === piped + sent && piped > 0, value: String(message.value) }))
`,
  )
  const { stdout } = await inConsumer('node', 'use.js').then((outcome) => {
    succeeded(outcome)
    return outcome
  })
  t.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1)!), {
    values: ['one', 'two'],
    whole: true,
    value: 'hello',
  })
})

packageTest(`TypeScript resolves its types, and nothing public is of type any${skipped}`, async (t) => {
  const source = `import { type Broker, type BrokerOptions, ConfigError, createBroker } from 'odradek'
import { Log, LogError, type LogOptions, type LogRecord } from 'odradek/log'
import { type FileRange, pipeRange, SendFileError, sendFile } from 'odradek/zerocopy'

type IsAny<T> = 0 extends 1 & T ? true : false
type AnyMember<T> = true extends { [K in keyof T]: IsAny<T[K]> }[keyof T] ? true : false
type Returns<F extends (...args: never[]) => unknown> = Awaited<ReturnType<F>>
export const none: false[] = [
  false satisfies IsAny<Returns<typeof createBroker>>,
  false satisfies AnyMember<Broker>,
  false satisfies AnyMember<Required<BrokerOptions>>,
  false satisfies AnyMember<Log>,
  false satisfies AnyMember<Required<LogOptions>>,
  false satisfies AnyMember<LogRecord>,
  false satisfies AnyMember<FileRange>,
  false satisfies IsAny<Parameters<typeof sendFile>[0]>,
  false satisfies IsAny<Parameters<typeof sendFile>[1]>,
  false satisfies AnyMember<SendFileError>,
  false satisfies AnyMember<ConfigError>,
  false satisfies AnyMember<LogError>,
]

export async function use(options: BrokerOptions): Promise<number> {
  await using broker = await createBroker(options)
  const log: Log = await Log.open(broker.dataDir)
  const found = await log.readRange(0)
  const { Socket } = await import('node:net')
  const socket = new Socket()
  if (found !== null) await pipeRange(found.range, socket)
  // @ts-expect-error: a number of bytes is no text
  const wrong: string = await sendFile(socket, 'file', 0, 1)
  return wrong.length
}
`
  writeFileSync(join(consumer, 'use.ts'), source)
  const options = {
    compilerOptions: {
      module: 'nodenext',
      moduleResolution: 'nodenext',
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      typeRoots: [join(root, 'node_modules', '@types')],
      types: ['node'],
    },
    files: ['use.ts'],
  }
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(options))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { code, stdout } = await attempt(process.execPath, [tsc, '-p', consumer], { cwd: consumer })
  t.is(stdout, '')
  t.is(code, 0)
})

packageTest(`declarations keep their comments${skipped}`, (t) => {
  const installed = join(consumer, 'node_modules', 'odradek')
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  const seen = new Set<string>()
  const bare: string[] = []
  for (const entry of Object.values<{ types?: string }>(exports)) {
    if (entry.types === undefined) continue
    const index = join(installed, entry.types)
    for (const [, names, from] of readFileSync(index, 'utf8').matchAll(
      /export (?:type )?\{([^}]*)\} from '([^']+)'/g,
    )) {
      const declared = readFileSync(join(dirname(index), from!.replace(/\.js$/, '.d.ts')), 'utf8')
      for (const name of names!.split(',').map((each) => each.trim().replace(/^type /, ''))) {
        if (name === '' || seen.has(name)) continue
        seen.add(name)
        const at = declared.search(
          new RegExp(`^export (declare )?(abstract )?(class|function|const|interface|type) ${name}\\b`, 'm'),
        )
        if (at >= 0 && !/\*\/\s*$/.test(declared.slice(0, at))) bare.push(name)
      }
    }
  }
  t.true(seen.size > 15)
  t.deepEqual(bare, [], 'exports without a comment')
})
