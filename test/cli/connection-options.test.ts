import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { connectionSettings } from '../../lib/cli/client/connection-options.js'

test('the brokers of the command line come before those of a file, and those before the default', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-test-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'consumer.properties')
  await writeFile(file, 'bootstrap.servers=in-file:1\n')
  const brokers = async (server?: string, config?: string, words: string[] = []) =>
    (await connectionSettings({ 'bootstrap-server': server, 'command-config': config }, [], words))
      .bootstrapBrokers
  t.deepEqual(await brokers('given:2', file), ['given:2'])
  t.deepEqual(await brokers(undefined, file), ['in-file:1'])
  t.deepEqual(await brokers(undefined, undefined, ['bootstrap.servers=word:3']), ['word:3'])
  t.deepEqual(await brokers(), ['127.0.0.1:9092'])
})
