import test from 'ava'
import {
  apiByName,
  apis,
  decode,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  readCorrelationId,
} from '../../lib/protocol/index.js'

const hex = (parts: (Uint8Array | object)[]) => Buffer.concat(parts as Uint8Array[]).toString('hex')

test('a request header tells API, version, correlation id, client id and where the body starts', (t) => {
  const plain = Buffer.concat(
    encodeRequest('Metadata', 1, { correlationId: 7, clientId: 'client' }, { topics: null }) as Uint8Array[],
  )
  t.is(plain.toString('hex'), '0003000100000007' + '0006636c69656e74' + 'ffffffff')
  t.deepEqual(decodeRequestHeader(plain), {
    apiKey: 3,
    apiVersion: 1,
    correlationId: 7,
    clientId: 'client',
    bodyOffset: 16,
  })
  const flexible = Buffer.concat(
    encodeRequest('Metadata', 9, { correlationId: -7, clientId: null }, { topics: null }) as Uint8Array[],
  )
  const header = decodeRequestHeader(flexible)
  t.deepEqual(header, { apiKey: 3, apiVersion: 9, correlationId: -7, clientId: null, bodyOffset: 11 })
  t.is(decode('MetadataRequest', 9, flexible, header.bodyOffset).topics, null)
})

test('tagged fields in a header are skipped', (t) => {
  const frame = Buffer.from('0003000900000001' + '000161' + '02' + '0002abcd' + '0500', 'hex')
  t.is(decodeRequestHeader(frame).bodyOffset, frame.length)
})

test('the header of an unknown API or version can be read', (t) => {
  const frame = Buffer.from('03e7002a00000005' + '000161', 'hex')
  t.deepEqual(decodeRequestHeader(frame), {
    apiKey: 999,
    apiVersion: 42,
    correlationId: 5,
    clientId: 'a',
    bodyOffset: 11,
  })
  // ApiVersions of a future version: flexible, as the last known one is.
  t.is(decodeRequestHeader(Buffer.from('0012006300000005' + '000161' + '00', 'hex')).bodyOffset, 12)
  t.is(decodeRequestHeader(Buffer.from('ffffffff00000005' + 'ffff', 'hex')).apiKey, -1)
})

test('a response has header version 1 from its flexible versions on, version 0 before', (t) => {
  t.is(hex(encodeResponse('Heartbeat', 3, 5, { errorCode: 1 })), '00000005' + '00000000' + '0001')
  t.is(
    hex(encodeResponse('Heartbeat', 4, 5, { errorCode: 1 })),
    '00000005' + '00' + '00000000' + '0001' + '00',
  )
})

test('ApiVersions always answers with header version 0', (t) => {
  for (const version of [0, 3, 4]) {
    const body = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] }
    const frame = Buffer.concat(encodeResponse('ApiVersions', version, 5, body) as Uint8Array[])
    t.is(frame.readInt16BE(4), 35)
    t.is(decodeResponse('ApiVersions', version, frame).body.apiKeys[0]?.maxVersion, 4)
  }
})

test('with a size prefix, the first part starts with the size of all parts', (t) => {
  const range = { byteLength: 1_000_000 }
  const body = { responses: [{ partitions: [{ records: range }, { records: range }] }] }
  for (const version of [4, 16]) {
    const parts = encodeResponse('Fetch', version, 5, body, true)
    const total = parts.reduce((sum, part) => sum + part.byteLength, 0)
    t.is(parts.filter((part) => part === range).length, 2)
    t.is((parts[0] as Buffer).readInt32BE(0), total - 4)
    t.is((parts[0] as Buffer).readInt32BE(4), 5)
  }
  const request = encodeRequest('Produce', 9, { correlationId: 1, clientId: 'c' }, {}, true)
  t.is((request[0] as Buffer).readInt32BE(0), request[0]!.byteLength - 4)
})

test('a response decodes with its correlation id', (t) => {
  const frame = Buffer.concat(
    encodeResponse('FindCoordinator', 4, 77, { coordinators: [{ key: 'g' }] }) as Uint8Array[],
  )
  t.is(readCorrelationId(frame), 77)
  const { correlationId, body } = decodeResponse('FindCoordinator', 4, frame)
  t.is(correlationId, 77)
  t.is(body.coordinators[0]?.key, 'g')
})

test('the table of APIs has their keys, versions and listeners', (t) => {
  t.is(apis.size, 90)
  t.deepEqual(apiByName('Produce'), {
    key: 0,
    name: 'Produce',
    minVersion: 3,
    maxVersion: 13,
    latestVersionUnstable: false,
    requestFlexibleFrom: 9,
    responseFlexibleFrom: 9,
    listeners: ['BROKER'],
  })
  t.is(apis.get(17)?.requestFlexibleFrom, Number.POSITIVE_INFINITY)
  t.true(apis.get(1)?.listeners.includes('CONTROLLER'))
  const keys = [...apis.keys()]
  t.deepEqual(
    keys,
    keys.toSorted((a, b) => a - b),
  )
})
