import test from 'ava'
import { loadMetaProperties } from '../../../lib/cluster/index.js'
import { parseProperties } from '../../../lib/config/index.js'
import { MemoryEngine } from '../../support/memory-engine.js'

const PATH = '/data/meta.properties'

/** As Kafka 4.3.1's storage tool writes it. */
const kafkas = `#
#Sat Nov 21 06:00:00 UTC 2026
cluster.id=MkU3OEVBNTcwNTJENDM2Qk
directory.id=TbqM2fbySUy3j0CIGdPzTQ
node.id=3
version=1
`

test('the first start gives the folder an identity in Kafka’s format, later ones keep it', async (t) => {
  const engine = new MemoryEngine()
  const first = await loadMetaProperties(engine.files, '/data', 1)
  const written = Object.fromEntries(parseProperties(engine.contents.get(PATH)!))
  t.deepEqual(written, {
    version: '1',
    'cluster.id': first.clusterId,
    'node.id': '1',
    'directory.id': first.directoryId,
  })
  t.is(first.clusterId.length, 22)
  t.deepEqual(await loadMetaProperties(engine.files, '/data', 1), first)
})

test('Kafka’s own file is read', async (t) => {
  const engine = new MemoryEngine()
  engine.contents.set(PATH, kafkas)
  t.deepEqual(await loadMetaProperties(engine.files, '/data', 3), {
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
    nodeId: 3,
    directoryId: 'TbqM2fbySUy3j0CIGdPzTQ',
  })
  t.is(engine.contents.get(PATH), kafkas)
})

test('a folder without directory.id is given one', async (t) => {
  const engine = new MemoryEngine()
  engine.contents.set(PATH, 'version=1\ncluster.id=abc\nnode.id=3\n')
  const { directoryId } = await loadMetaProperties(engine.files, '/data', 3)
  t.is(parseProperties(engine.contents.get(PATH)!).get('directory.id'), directoryId)
})

test('a folder of another node, or one that says too little, is refused', async (t) => {
  const engine = new MemoryEngine()
  const load = () => loadMetaProperties(engine.files, '/data', 1)
  for (const [text, message] of [
    [kafkas, /belongs to node 3, not 1: set node\.id=3/],
    ['version=0\ncluster.id=a\nbroker.id=1', /version 0/],
    ['version=1\nnode.id=1', /no cluster\.id/],
    ['version=1\ncluster.id=a', /no node\.id/],
  ] as const) {
    engine.contents.set(PATH, text)
    await t.throwsAsync(load, { message })
  }
})
