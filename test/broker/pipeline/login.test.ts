/** Before its login a client is answered what it needs for it, and nothing else. */
import test from 'ava'
import { handlers } from '../../../lib/broker/handlers/index.js'
import { openToAll } from '../../../lib/broker/pipeline/access.js'
import { allowAll } from '../../../lib/broker/pipeline/authorizer.js'
import { defineHandler } from '../../../lib/broker/pipeline/handler.js'
import { Pipeline } from '../../../lib/broker/pipeline/pipeline.js'
import { unlimited } from '../../../lib/broker/pipeline/quotas.js'
import type { BrokerServices } from '../../../lib/broker/services.js'
import { MalformedFrameError } from '../../../lib/network/index.js'
import { decode, encode } from '../../../lib/protocol/index.js'

const connection = {
  listenerName: 'SASL_PLAINTEXT',
  remoteAddress: '127.0.0.1',
  onClose: () => () => {},
  close: () => {},
  mute: () => {},
}

const answered: string[] = []
const heartbeat = defineHandler({
  api: 'Heartbeat',
  versions: [0, 4],
  access: openToAll('a test'),
  charge: 'none',
  refuse: () => null,
  handle: (_, { principal }) => {
    answered.push(principal)
    return { errorCode: 0 }
  },
})
const apiVersions = handlers.find(({ api }) => api === 'ApiVersions')!
const services = { authorizer: allowAll, quotas: unlimited, supportedApis: [] } as Partial<BrokerServices>

test('ApiVersions alone is answered before the login', async (t) => {
  const pipeline = new Pipeline([heartbeat, apiVersions], services as BrokerServices)
  const session = pipeline.open(connection)
  session.isAuthenticated = false
  const source = { session, version: 0, clientId: null }
  const request = decode('HeartbeatRequest', 0, encode('HeartbeatRequest', 0, {}))
  await t.throwsAsync(pipeline.answer('Heartbeat', request, source), { instanceOf: MalformedFrameError })
  const versions = decode('ApiVersionsRequest', 0, encode('ApiVersionsRequest', 0, {}))
  t.is((await pipeline.answer('ApiVersions', versions, source))!.errorCode, 0)
  session.isAuthenticated = true
  session.principal = 'User:alice'
  t.is((await pipeline.answer('Heartbeat', request, source))!.errorCode, 0)
  t.deepEqual(answered, ['User:alice'])
})

test('no other handler is open before the login', (t) => {
  t.deepEqual(
    handlers.filter(({ access }) => access.beforeLogin).map(({ api }) => api),
    ['ApiVersions'],
  )
})
