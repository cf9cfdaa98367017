/** Watches on an etcd that takes them and says nothing more. */
import { Server, ServerCredentials, type ServerDuplexStream, type UntypedHandleCall } from '@grpc/grpc-js'
import test, { type ExecutionContext } from 'ava'
import { EtcdMetadataStore } from '../../../lib/cluster/index.js'
import { methods, type WatchRequest, type WatchResponse } from '../../../lib/cluster/store/etcd-messages.js'

type WatchStream = ServerDuplexStream<WatchRequest, Partial<WatchResponse>>

const header = { clusterId: '1', revision: '5' }
const change = { type: 0, kv: { key: Buffer.from('key'), value: Buffer.from('value'), modRevision: '6' } }

/** What etcd does with the first watch is given; those after it are told of a change. */
async function changesOver(
  t: ExecutionContext,
  first: (stream: WatchStream, request: WatchRequest) => void,
): Promise<{ revisions: number[]; watches: number }> {
  const etcd = new Server()
  let watches = 0
  const watch = (stream: WatchStream) => {
    const isFirst = ++watches === 1
    stream.on('error', () => {})
    stream.on('end', () => stream.end())
    stream.on('data', (request: WatchRequest) => {
      if (isFirst) first(stream, request)
      else if (request.createRequest) stream.write({ created: true, events: [change] })
    })
  }
  const range = (_call: unknown, answer: (error: null, response: object) => void) =>
    answer(null, { header, kvs: [], more: false })
  etcd.addService(
    { watch: methods.watch, range: methods.range } as never,
    { watch, range } as unknown as Record<string, UntypedHandleCall>,
  )
  const port = await new Promise<number>((resolve, reject) => {
    etcd.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  t.teardown(() => etcd.forceShutdown())
  const endpoints = [`127.0.0.1:${port}`]
  const store = await EtcdMetadataStore.open({ endpoints, prefix: '', requestTimeoutMs: 30_000 })
  t.teardown(() => store.close())
  const revisions: number[] = []
  await new Promise<void>((resolve) => {
    store.watch(
      '',
      5,
      ({ revision }) => {
        revisions.push(revision)
        resolve()
      },
      () => {},
    )
  })
  return { revisions, watches }
}

test('a watch that etcd never got is opened anew, though its stream answers', async (t) => {
  const { revisions, watches } = await changesOver(t, (stream, { progressRequest }) => {
    if (progressRequest) stream.write({ events: [] })
  })
  t.deepEqual(revisions, [6])
  t.is(watches, 2)
})

test('so is one that etcd had and that has fallen silent', async (t) => {
  const { revisions, watches } = await changesOver(t, (stream, { createRequest }) => {
    if (createRequest) stream.write({ created: true, events: [] })
  })
  t.deepEqual(revisions, [6])
  t.is(watches, 2)
})

test('one that answers is left alone', async (t) => {
  const { revisions, watches } = await changesOver(t, (stream, { createRequest, progressRequest }) => {
    if (createRequest) {
      stream.write({ created: true, events: [] })
      // Past the time after which a silent one is given up.
      setTimeout(() => stream.write({ events: [change] }), 11_000)
    }
    if (progressRequest) stream.write({ events: [] })
  })
  t.deepEqual(revisions, [6])
  t.is(watches, 1)
})
