import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { main, ServeProcess, temporaryFolder } from '../support/serve-process.js'

test('one line on standard output says where the broker is ready, and SIGTERM and SIGINT stop it', async (t) => {
  await using folder = await temporaryFolder()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const serve = new ServeProcess(['--port', '0', '--data', folder.path])
    const port = await serve.ready()
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    const { code, stdout } = await serve.stop(signal)
    t.is(stdout, `odradek ready on 127.0.0.1:${port}\n`)
    t.is(code, 0)
  }
})

test('a signal is heeded while clients are connected', async (t) => {
  await using folder = await temporaryFolder()
  const serve = new ServeProcess(['--port', '0', '--data', folder.path])
  const socket = connect(await serve.ready(), '127.0.0.1')
  await once(socket, 'connect')
  t.is((await serve.stop()).code, 0)
  socket.destroy()
})

test('the data folder is ./data where none is named', async (t) => {
  await using folder = await temporaryFolder()
  const serve = new ServeProcess(['--port', '0'], {}, { cwd: folder.path })
  await serve.ready()
  await serve.stop()
  t.regex(await readFile(join(folder.path, 'data', 'meta.properties'), 'utf8'), /^node\.id=1$/m)
})

test('settings come from the file, the environment and --override', async (t) => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'server.properties')
  await writeFile(file, `node.id=5\nlisteners=PLAINTEXT://127.0.0.1:1\nlog.dirs=${folder.path}/wrong\n`)
  const serve = new ServeProcess([file, '--override', 'listeners=PLAINTEXT://127.0.0.1:0'], {
    ODRADEK_LOG_DIRS: join(folder.path, 'right'),
  })
  await serve.ready()
  await serve.stop()
  t.regex(await readFile(join(folder.path, 'right', 'meta.properties'), 'utf8'), /^node\.id=5$/m)
})

test('settings without meaning are listed in one warning', async (t) => {
  await using folder = await temporaryFolder()
  const serve = new ServeProcess([
    ...['--port', '0', '--data', folder.path],
    ...['--override', 'num.io.threads=8', '--override', 'process.roles=broker'],
  ])
  await serve.ready()
  const { stderr } = await serve.stop()
  const warnings = stderr.split('\n').filter((line) => line.includes('no meaning'))
  t.is(warnings.length, 1)
  t.regex(warnings[0]!, /num\.io\.threads, process\.roles/)
})

test('logs go to standard error, one JSON object a line', async (t) => {
  await using folder = await temporaryFolder()
  const serve = new ServeProcess(['--port', '0', '--data', folder.path])
  await serve.ready()
  const { stderr } = await serve.stop()
  const lines = stderr.trim().split('\n')
  for (const line of lines) t.is(typeof JSON.parse(line).msg, 'string')
})

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
)
const testIpv6 = hasIpv6 ? test : test.skip
const withoutIpv6 = hasIpv6 ? '' : ' (skipped: this machine has no IPv6)'

testIpv6(`several listeners stand in the line${withoutIpv6}`, async (t) => {
  await using folder = await temporaryFolder()
  const serve = new ServeProcess([
    ...['--data', folder.path],
    ...['--override', 'listeners=A://127.0.0.1:0,B://[::1]:0'],
    ...['--override', 'listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT'],
  ])
  await serve.ready()
  t.regex((await serve.stop()).stdout, /^odradek ready on 127\.0\.0\.1:\d+, \[::1\]:\d+\n$/)
})

/** Expects one line on standard error, nothing on standard output, and exit code 1. */
const refused = test.macro({
  title: (name) => `${name}: one clear line and exit code 1`,
  async exec(
    t,
    prepare: (
      folder: string,
    ) => Promise<{ args: string[]; message: RegExp; uid?: number } & Partial<AsyncDisposable>>,
  ) {
    await using folder = await temporaryFolder()
    const { args, message, uid, ...resource } = await prepare(folder.path)
    try {
      const serve = new ServeProcess(args, {}, { uid })
      const { code, stdout, stderr } = await serve.ended
      t.is(stdout, '')
      t.is(code, 1)
      const lines = stderr.trim().split('\n')
      t.is(lines.length, 1, stderr)
      t.regex(lines[0]!, message)
    } finally {
      await resource[Symbol.asyncDispose]?.()
    }
  },
})

test('a port in use', refused, async (folder) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return {
    args: ['--port', String(port), '--data', folder],
    message: new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use`),
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
})

test('a data folder in use', refused, async (folder) => {
  const other = new ServeProcess(['--port', '0', '--data', folder])
  await other.ready()
  return {
    args: ['--port', '0', '--data', folder],
    message: /data folder .* is in use by another broker/,
    async [Symbol.asyncDispose]() {
      await other.stop()
    },
  }
})

// Permissions do not hold root back, so that a broker of nobody's is started; where it can read neither Node nor this
// package, as in root's own folder, it does not come so far.
const uid = process.getuid?.() === 0 ? 65_534 : undefined
const isRunnable = spawnSync(process.execPath, [main, '--version'], { uid, stdio: 'ignore' }).status === 0
const testPermission = isRunnable ? test : test.skip

testPermission('no permission for the data folder', refused, async (folder) => {
  await chmod(folder, 0o500)
  return { args: ['--port', '0', '--data', join(folder, 'data')], uid, message: /no permission for/ }
})

test('a data folder that is a file', refused, async (folder) => {
  await writeFile(join(folder, 'file'), '')
  return { args: ['--port', '0', '--data', join(folder, 'file')], message: /file is no folder/ }
})

test('a data folder of another node', refused, async (folder) => {
  await writeFile(join(folder, 'meta.properties'), 'version=1\ncluster.id=a\nnode.id=9\n')
  return { args: ['--port', '0', '--data', folder], message: /belongs to node 9, not 1/ }
})

test('an unknown setting', refused, async (folder) => ({
  args: ['--data', folder, '--override', 'log.retenton.ms=1'],
  message: /Unknown setting log\.retenton\.ms; did you mean log\.retention\.ms\?/,
}))

test('a refused setting', refused, async (folder) => ({
  args: ['--data', folder, '--override', 'authorizer.class.name=A'],
  message: /authorizer\.class\.name=A is refused/,
}))

test('a listener with TLS', refused, async (folder) => ({
  args: ['--data', folder, '--override', 'listeners=SSL://127.0.0.1:0'],
  message: /SSL does not exist yet/,
}))

test('a settings file that is not there', refused, async (folder) => ({
  args: [join(folder, 'none.properties')],
  message: /none\.properties cannot be read: there is no such file/,
}))
