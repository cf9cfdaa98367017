import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { pino } from 'pino'
import { BrokerConfig } from '../../lib/config/index.js'
import { DataFolder } from '../../lib/storage/index.js'
import { nativeEngine } from '../../lib/storage/storage-engine.js'

test('logs are removed though the checkpoints cannot be written', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'odradek-folder-'))
  t.teardown(() => rm(path, { recursive: true }))
  let isFull = false
  const { files } = nativeEngine
  const writeAtomically: typeof files.writeAtomically = (...args) =>
    isFull ? Promise.reject(new Error('no space')) : files.writeAtomically(...args)
  const engine = { ...nativeEngine, files: { ...files, writeAtomically } }
  const folder = await DataFolder.open(path, pino({ level: 'silent' }), engine)
  const log = await folder.openLog('orders', 'AAAAAAAAAAAAAAAAAAAAAA', 0, new BrokerConfig().topic(new Map()))
  isFull = true
  t.like(await folder.removeLogs([log]), [{ status: 'fulfilled' }])
  t.deepEqual([...folder.logs], [])
})
