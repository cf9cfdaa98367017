import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { rangeOfFile } from '../../lib/native/zerocopy.js'
import { canSendFile, pipeRange, sendFile } from '../../lib/network/zerocopy.js'
import { connected, digest, fileClosed, fileOf, listening, received, sendings } from './send-file-targets.js'

for (const sending of sendings) {
  const name = `${sending}: `

  test(`${name}parts of a file of any size arrive whole, and the promise tells how many bytes they were`, async (t) => {
    const { path, bytes } = fileOf(t, 3_000_000)
    const { socket, peer } = await connected(t)
    const all = received(peer)
    const expected: Buffer[] = []
    for (const [offset, length] of [
      [0, 0],
      [0, 1],
      [4095, 2],
      [1, 65_536],
      [700_001, 1_999_999],
      [0, 3_000_000],
    ] as const) {
      t.is(await sendFile(socket, path, offset, length, { sending }), length)
      expected.push(bytes.subarray(offset, offset + length))
    }
    t.is(await sendFile(socket, path, 2_999_000, undefined, { sending }), 1000, 'to the end without a length')
    expected.push(bytes.subarray(2_999_000))
    socket.end()
    t.is(digest(await all), digest(Buffer.concat(expected)))
    await fileClosed(t, path)
  })

  test(`${name}a file is a path, a URL, a FileHandle, a descriptor or a range of the engine`, async (t) => {
    const { path, bytes } = fileOf(t, 10_000)
    const { socket, peer } = await connected(t)
    const all = received(peer)
    const handle = await open(path)
    const descriptor = openSync(path, 'r')
    const range = rangeOfFile(path, 1_000, 9_000)
    const sent = [
      sendFile(socket, path, 1_000, 10, { sending }),
      sendFile(socket, pathToFileURL(path), 1_010, 10, { sending }),
      sendFile(socket, handle, 1_020, 10, { sending }),
      sendFile(socket, descriptor, 1_030, 10, { sending }),
      sendFile(socket, range, 40, 10, { sending }),
    ]
    t.deepEqual(await Promise.all(sent), [10, 10, 10, 10, 10])
    t.is(await sendFile(socket, range, 50, undefined, { sending }), 8_950)
    const buffer = Buffer.alloc(10)
    await handle.read(buffer)
    t.deepEqual(buffer, bytes.subarray(0, 10), 'the position is not moved')
    await handle.close()
    closeSync(descriptor)
    range.release()
    socket.end()
    t.is(digest(await all), digest(bytes.subarray(1_000)))
  })

  test(`${name}a range is piped whole and released, also when that fails`, async (t) => {
    const { path, bytes } = fileOf(t, 200_000)
    const { socket, peer } = await connected(t)
    const all = received(peer)
    t.is(await pipeRange(rangeOfFile(path, 5, 199_000), socket, { sending }), 199_000)
    socket.end()
    t.is(digest(await all), digest(bytes.subarray(5, 199_005)))
    await t.throwsAsync(pipeRange(rangeOfFile(path, 0, 10), socket, { sending }), { code: 'SOCKET_CLOSED' })
    await fileClosed(t, path)
  })

  test(`${name}what is written before and after keeps its place`, async (t) => {
    const { path, bytes } = fileOf(t, 1_000_000)
    const { socket, peer } = await connected(t)
    peer.pause()
    const before = Buffer.alloc(8_000_000, 'b')
    socket.write(before)
    const first = sendFile(socket, path, 0, 300_000, { sending })
    socket.write('between')
    socket.write(' the two')
    const second = sendFile(socket, path, 300_000, 700_000, { sending })
    socket.end('after')
    const all = received(peer)
    t.deepEqual(await Promise.all([first, second]), [300_000, 700_000])
    const expected = [
      before,
      bytes.subarray(0, 300_000),
      Buffer.from('between the two'),
      bytes.subarray(300_000),
      Buffer.from('after'),
    ]
    t.is(digest(await all), digest(Buffer.concat(expected)))
  })

  test(`${name}many files at once go out in the order of the calls`, async (t) => {
    const { path, bytes } = fileOf(t, 640_000)
    const { socket, peer } = await connected(t)
    const all = received(peer)
    const offsets = Array.from({ length: 64 }, (_, i) => i * 10_000)
    await Promise.all(offsets.map((offset) => sendFile(socket, path, offset, 10_000, { sending })))
    socket.end()
    t.is(digest(await all), digest(bytes))
    t.false(Object.hasOwn(socket, '_write'), 'the socket is as it was')
  })

  test(`${name}a slow reader gets a file larger than all buffers, and the event loop goes on`, async (t) => {
    const { path, bytes } = fileOf(t, 24_000_000)
    const { socket, peer } = await connected(t)
    peer.pause()
    let settled = false
    const sent = sendFile(socket, path, 0, bytes.length, { sending }).finally(() => {
      settled = true
    })
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
    t.false(settled)
    t.true(socket.writableLength < 1_000_000, 'the file is not taken into memory')
    const all = received(peer)
    t.is(await sent, bytes.length)
    socket.end()
    t.is(digest(await all), digest(bytes))
  })

  test(`${name}a socket that is still connecting is waited for`, async (t) => {
    const { path, bytes } = fileOf(t, 100_000)
    const server = createServer()
    const port = await listening(t, server)
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const socket = createConnection({ host: '127.0.0.1', port })
    t.teardown(() => socket.destroy())
    socket.write('head')
    const sent = sendFile(socket, path, 0, 100_000, { sending })
    const [peer] = await accepted
    const all = received(peer)
    t.is(await sent, 100_000)
    socket.end()
    t.is(digest(await all), digest(Buffer.concat([Buffer.from('head'), bytes])))
  })

  test(`${name}a Unix domain socket takes files too`, async (t) => {
    const { path, bytes } = fileOf(t, 1_000_000)
    const server = createServer()
    server.listen(`${dirname(path)}/socket`)
    await once(server, 'listening')
    t.teardown(() => server.close())
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const socket = createConnection(`${dirname(path)}/socket`)
    const all = received((await accepted)[0])
    t.is(await sendFile(socket, path, 0, undefined, { sending }), bytes.length)
    socket.end()
    t.is(digest(await all), digest(bytes))
  })
}

const sendfileTest = canSendFile ? test : test.skip
sendfileTest('on a plain socket the bytes do not pass through Node', async (t) => {
  const { path } = fileOf(t, 100_000)
  const { socket, peer } = await connected(t)
  peer.resume()
  // What the page cache has lost meanwhile is copied: that is not so every time.
  let throughNode = 0
  for (let attempt = 0; attempt < 10; attempt++) {
    const before = socket.bytesWritten
    await sendFile(socket, path, 0, 100_000)
    throughNode = socket.bytesWritten - before
    if (throughNode === 0) break
  }
  t.is(throughNode, 0)
  await sendFile(socket, path, 0, 100_000, { sending: 'copy' })
  t.is(socket.bytesWritten % 100_000, 0)
  t.true(socket.bytesWritten >= 100_000, 'a copy does')
})
