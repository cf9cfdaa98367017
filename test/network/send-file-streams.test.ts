import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import { createServer as createHttpsServer, request as requestHttps } from 'node:https'
import { createConnection } from 'node:net'
import { PassThrough, Writable } from 'node:stream'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { createGunzip, createGzip } from 'node:zlib'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import { rangeOfFile } from '../../lib/native/zerocopy.js'
import { pipeRange, sendFile } from '../../lib/network/zerocopy.js'
import {
  digest,
  fileOf,
  listening,
  received,
  sendings,
  tlsClientOptions,
  tlsServerOptions,
} from './send-file-targets.js'

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

async function ask(
  port: number,
  path: string,
  options: { method?: string; agent?: Agent } = {},
): Promise<Answer> {
  const [response] = (await once(
    request({ host: '127.0.0.1', port, path, ...options }).end(),
    'response',
  )) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await received(response) }
}

async function serving(t: ExecutionContext, listener: RequestListener): Promise<number> {
  return listening(t, createServer(listener))
}

for (const sending of sendings) {
  const name = `${sending}: `

  test(`${name}HTTP responses with a Content-Length, on one connection that is kept`, async (t) => {
    const { path, bytes } = fileOf(t, 3_000_000)
    const port = await serving(t, async (request, response) => {
      const [offset, length] = request.url!.slice(1).split('+').map(Number) as [number, number]
      response.setHeader('Content-Length', length + 8)
      response.write('head')
      const sent = await sendFile(response, path, offset, length, { sending })
      response.end(sent === length ? 'tail' : 'fail')
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    for (const [offset, length] of [
      [0, 3_000_000],
      [5, 100],
      [7, 0],
      [1, 1_000_000],
    ] as const) {
      const { body, headers } = await ask(port, `/${offset}+${length}`, { agent })
      t.is(headers['transfer-encoding'], undefined)
      const part = bytes.subarray(offset, offset + length)
      t.is(digest(body), digest(Buffer.concat([Buffer.from('head'), part, Buffer.from('tail')])))
    }
  })

  test(`${name}HTTP responses in chunks, without length, strict, and by writeHead`, async (t) => {
    const { path, bytes } = fileOf(t, 700_000)
    const port = await serving(t, async (request, response) => {
      if (request.url === '/close') response.useChunkedEncodingByDefault = false
      if (request.url === '/strict') response.strictContentLength = true
      if (request.url === '/head' || request.url === '/strict') {
        response.writeHead(206, { 'Content-Length': bytes.length, 'X-Way': sending })
      }
      await pipeRange(rangeOfFile(path, 0, bytes.length), response, { sending })
      response.end()
    })
    for (const way of ['/chunked', '/close', '/head', '/strict']) {
      const { body, headers } = await ask(port, way)
      t.is(digest(body), digest(bytes), way)
      t.is(headers['transfer-encoding'], way === '/chunked' ? 'chunked' : undefined)
    }
  })

  test(`${name}an answer to HEAD, and one that has no content, gets no body`, async (t) => {
    const { path } = fileOf(t, 1_000)
    const sent: number[] = []
    const port = await serving(t, async (request, response) => {
      if (request.url === '/none') response.statusCode = 204
      else response.setHeader('Content-Length', 1_000)
      sent.push(await sendFile(response, path, 0, 1_000, { sending }))
      response.end()
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    t.is((await ask(port, '/', { agent, method: 'HEAD' })).headers['content-length'], '1000')
    t.is((await ask(port, '/none', { agent })).status, 204)
    t.is((await ask(port, '/', { agent })).body.length, 1_000, 'the connection is in order')
    t.deepEqual(sent, [0, 0, 1_000])
  })

  test(`${name}pipelined requests are answered in their order`, async (t) => {
    const { path, bytes } = fileOf(t, 400_000)
    const port = await serving(t, async (request, response) => {
      response.sendDate = false
      response.removeHeader('Connection')
      response.setHeader('Content-Length', 100_000)
      await sendFile(response, path, Number(request.url!.slice(1)) * 100_000, 100_000, { sending })
      response.end()
    })
    const client = createConnection({ host: '127.0.0.1', port })
    for (const i of [0, 1, 2]) client.write(`GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`)
    client.write('GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const all = await received(client)
    const bodies: Buffer[] = []
    for (let at = 0; at < all.length; ) {
      const start = all.indexOf('\r\n\r\n', at) + 4
      bodies.push(all.subarray(start, start + 100_000))
      at = start + 100_000
    }
    t.is(digest(Buffer.concat(bodies)), digest(bytes))
  })

  test(`${name}a client that goes ends the call of its response`, async (t) => {
    const { path, bytes } = fileOf(t, 24_000_000)
    let ended: ((error: unknown) => void) | undefined
    const failed = new Promise<unknown>((resolve) => {
      ended = resolve
    })
    const port = await serving(t, (_request, response) => {
      response.setHeader('Content-Length', bytes.length)
      sendFile(response, path, 0, bytes.length, { sending }).catch(ended)
    })
    const [response] = (await once(request({ host: '127.0.0.1', port }).end(), 'response')) as [
      IncomingMessage,
    ]
    response.on('error', () => {})
    await once(response, 'data')
    response.destroy()
    t.like(await failed, { code: 'SOCKET_CLOSED' })
  })
}

test('TLS sockets get the bytes by the copying path', async (t) => {
  const { path, bytes } = fileOf(t, 5_000_000)
  const server = createTlsServer(tlsServerOptions, async (socket: TLSSocket) => {
    socket.write('head')
    const sent = sendFile(socket, path, 0, 4_000_000)
    await Promise.all([sent, sendFile(socket, path, 4_000_000, 1_000_000)])
    socket.end()
  })
  const port = await listening(t, server)
  const client = connectTls({ host: '127.0.0.1', port, ...tlsClientOptions })
  t.is(digest(await received(client)), digest(Buffer.concat([Buffer.from('head'), bytes])))
})

test('HTTPS responses get the bytes by the copying path', async (t) => {
  const { path, bytes } = fileOf(t, 2_000_000)
  const server = createHttpsServer(tlsServerOptions, async (_request, response) => {
    response.setHeader('Content-Length', bytes.length)
    await sendFile(response, path)
    response.end()
  })
  const port = await listening(t, server)
  const asked = requestHttps({ host: '127.0.0.1', port, agent: false, ...tlsClientOptions }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  t.is(digest(await received(response)), digest(bytes))
})

test('any other Writable takes a file at its own pace', async (t) => {
  const { path, bytes } = fileOf(t, 3_000_000)
  const gzip = createGzip({ level: 1 })
  const plain = received(gzip.pipe(createGunzip()))
  t.is(await sendFile(gzip, path, 0, 1_000_000), 1_000_000)
  t.is(await sendFile(gzip, path, 1_000_000), 2_000_000)
  gzip.end()
  t.is(digest(await plain), digest(bytes))

  let held = 0
  let most = 0
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      held += chunk.length
      most = Math.max(most, held)
      setImmediate(() => {
        held -= chunk.length
        done()
      })
    },
  })
  t.is(await sendFile(slow, path), 3_000_000)
  t.true(most <= 256 * 1024, `${most} bytes at a time`)
})

test('a stream that is ended or destroyed on the way ends the call, one that is aborted goes on', async (t) => {
  const { path, bytes } = fileOf(t, 3_000_000)
  for (const how of ['end', 'destroy'] as const) {
    const stream = new PassThrough()
    const sent = sendFile(stream, path)
    await once(stream, 'readable')
    stream[how]()
    stream.resume()
    await t.throwsAsync(sent, { code: 'SOCKET_CLOSED' }, how)
    await t.throwsAsync(sendFile(stream, path), { code: 'SOCKET_CLOSED' })
  }
  const stream = new PassThrough()
  const stop = new AbortController()
  const sent = sendFile(stream, path, 0, bytes.length, { signal: stop.signal })
  await once(stream, 'readable')
  stop.abort()
  const { bytesSent } = (await t.throwsAsync(sent, { code: 'ABORT_ERR' })) as unknown as { bytesSent: number }
  stream.end('after')
  t.is(
    digest(await received(stream)),
    digest(Buffer.concat([bytes.subarray(0, bytesSent), Buffer.from('after')])),
  )
})
