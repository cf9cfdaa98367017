import { readFileSync } from 'node:fs'
import test from 'ava'
import { apiDocument } from '../../lib/broker/api-document.js'
import { handlers } from '../../lib/broker/handlers/index.js'
import { supportedApis } from '../../lib/broker/pipeline/handler.js'
import { apiByName } from '../../lib/protocol/index.js'

test('docs/protocol.md is what the handlers declare (node scripts/protocol-document.js writes it)', (t) => {
  t.is(readFileSync('docs/protocol.md', 'utf8'), apiDocument())
})

test('every handler serves all stable versions of its API, and no API has two handlers', (t) => {
  t.is(new Set(handlers.map(({ api }) => api)).size, handlers.length)
  for (const { api, versions } of handlers) {
    const { minVersion, maxVersion, latestVersionUnstable } = apiByName(api)
    t.deepEqual([...versions], [minVersion, latestVersionUnstable ? maxVersion - 1 : maxVersion], api)
  }
})

test('Produce is advertised from version 0 on, as Kafka does for old clients’ sake', (t) => {
  const produce = supportedApis(handlers).find(({ apiKey }) => apiKey === apiByName('Produce').key)
  t.deepEqual(produce, { apiKey: 0, minVersion: 0, maxVersion: 13 })
})
