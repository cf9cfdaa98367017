import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { dirname } from 'node:path'
import test from 'ava'
import { rangeOfFile } from '../../lib/native/zerocopy.js'
import { type FileRange, SendFileError, sendFile } from '../../lib/network/zerocopy.js'
import { connected, digest, fileClosed, fileOf, received, sendings } from './send-file-targets.js'

async function failure(sent: Promise<number>): Promise<SendFileError> {
  try {
    await sent
  } catch (error) {
    if (error instanceof SendFileError) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** Resolves with the first bytes that the peer gets; it takes no more then, so that the sending stays under way. */
function underWay(peer: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    peer.once('data', (chunk: Buffer) => {
      peer.pause()
      resolve(chunk)
    })
  })
}

for (const sending of sendings) {
  const name = `${sending}: `

  test(`${name}an aborted signal sends nothing, and the socket can be used`, async (t) => {
    const { path, bytes } = fileOf(t, 1_000)
    const { socket, peer } = await connected(t)
    const reason = new Error('enough')
    const error = await failure(
      sendFile(socket, path, 0, 1_000, { sending, signal: AbortSignal.abort(reason) }),
    )
    t.like(error, { name: 'AbortError', code: 'ABORT_ERR', bytesSent: 0, cause: reason })
    const all = received(peer)
    t.is(await sendFile(socket, path, 0, 1_000, { sending }), 1_000)
    socket.end()
    t.is(digest(await all), digest(bytes))
  })

  test(`${name}aborted while it waits behind other writes, a file leaves no trace`, async (t) => {
    const { path } = fileOf(t, 1_000)
    const { socket, peer } = await connected(t)
    peer.pause()
    const before = Buffer.alloc(8_000_000, 'b')
    socket.write(before)
    const stop = new AbortController()
    const sent = sendFile(socket, path, 0, 1_000, { sending, signal: stop.signal })
    socket.end('after')
    stop.abort()
    t.like(await failure(sent), { code: 'ABORT_ERR', bytesSent: 0 })
    t.is(digest(await received(peer)), digest(Buffer.concat([before, Buffer.from('after')])))
    await fileClosed(t, path)
  })

  test(`${name}aborted on the way, it tells to the byte what was sent, and the socket goes on`, async (t) => {
    const { path, bytes } = fileOf(t, 24_000_000)
    const { socket, peer } = await connected(t)
    const stop = new AbortController()
    const sent = sendFile(socket, path, 0, bytes.length, { sending, signal: stop.signal })
    const first = await underWay(peer)
    stop.abort()
    const { code, bytesSent } = await failure(sent)
    t.is(code, 'ABORT_ERR')
    t.true(bytesSent >= first.length && bytesSent < bytes.length, `${bytesSent} bytes`)
    socket.end('after')
    const all = Buffer.concat([first, await received(peer)])
    t.is(digest(all), digest(Buffer.concat([bytes.subarray(0, bytesSent), Buffer.from('after')])))
    await fileClosed(t, path)
  })

  test(`${name}a socket that was ended or destroyed is refused`, async (t) => {
    const { path } = fileOf(t, 1_000)
    const ended = await connected(t)
    ended.socket.end()
    t.like(await failure(sendFile(ended.socket, path, 0, 10, { sending })), {
      code: 'SOCKET_CLOSED',
      bytesSent: 0,
    })
    const destroyed = await connected(t)
    destroyed.socket.destroy()
    t.like(await failure(sendFile(destroyed.socket, path, 0, 10, { sending })), { code: 'SOCKET_CLOSED' })
  })

  test(`${name}a socket destroyed on the way ends the call`, async (t) => {
    const { path, bytes } = fileOf(t, 24_000_000)
    const { socket, peer } = await connected(t)
    const sent = sendFile(socket, path, 0, bytes.length, { sending })
    const waits = sendFile(socket, path, 0, 10, { sending })
    const first = await underWay(peer)
    socket.destroy()
    const error = await failure(sent)
    t.is(error.code, 'SOCKET_CLOSED')
    t.true(error.bytesSent >= first.length && error.bytesSent < bytes.length)
    t.like(await failure(waits), { code: 'SOCKET_CLOSED', bytesSent: 0 })
    await fileClosed(t, path)
  })

  test(`${name}a peer that resets the connection ends the call`, async (t) => {
    const { path, bytes } = fileOf(t, 24_000_000)
    const { socket, peer } = await connected(t)
    socket.on('error', () => {})
    const sent = sendFile(socket, path, 0, bytes.length, { sending })
    await underWay(peer)
    peer.resetAndDestroy()
    t.is((await failure(sent)).code, 'SOCKET_CLOSED')
    t.true(socket.destroyed)
    await fileClosed(t, path)
  })

  test(`${name}a peer that sends no more still gets the file`, async (t) => {
    const { path, bytes } = fileOf(t, 500_000)
    const { socket, peer } = await connected(t)
    peer.end()
    socket.resume()
    await once(socket, 'end')
    const all = received(peer)
    t.is(await sendFile(socket, path, 0, undefined, { sending }), bytes.length)
    socket.end()
    t.is(digest(await all), digest(bytes))
  })

  test(`${name}a file that is too short from the start is refused before a byte goes out`, async (t) => {
    const { path } = fileOf(t, 1_000)
    const { socket } = await connected(t)
    for (const [offset, length] of [
      [0, 1_001],
      [1_000, 1],
      [5_000, 0],
      [999, 2],
    ] as const) {
      const error = await failure(sendFile(socket, path, offset, length, { sending }))
      t.like(error, { code: 'FILE_TOO_SHORT', bytesSent: 0 }, `${offset}+${length}`)
    }
    t.like(await failure(sendFile(socket, path, 1_001, undefined, { sending })), { code: 'FILE_TOO_SHORT' })
    t.is(await sendFile(socket, path, 1_000, undefined, { sending }), 0)
  })

  test(`${name}a file that becomes shorter on the way is told, and the socket goes on`, async (t) => {
    const { path, bytes } = fileOf(t, 24_000_000)
    const { socket, peer } = await connected(t)
    const sent = sendFile(socket, path, 0, bytes.length, { sending })
    sent.catch(() => {})
    const first = await underWay(peer)
    truncateSync(path, first.length)
    const rest = received(peer.pause().resume())
    const { code, bytesSent } = await failure(sent)
    t.is(code, 'FILE_TOO_SHORT')
    socket.end('after')
    const all = Buffer.concat([first, await rest])
    // What of the cut page is on its way without a copy may change with it.
    t.is(digest(all.subarray(0, first.length)), digest(bytes.subarray(0, first.length)))
    t.is(all.length, bytesSent + 'after'.length)
    t.is(String(all.subarray(bytesSent)), 'after')
  })

  test(`${name}what cannot be sent is refused and leaves the socket as it was`, async (t) => {
    const { path } = fileOf(t, 1_000)
    const { socket, peer } = await connected(t)
    const sent = (file: Parameters<typeof sendFile>[1], offset = 0, length = 1) =>
      failure(sendFile(socket, file, offset, length, { sending }))
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [Number.NaN, 1],
      [0.5, 1],
      [0, 2 ** 53],
    ] as const) {
      t.like(
        await sent(path, offset, length),
        { code: 'INVALID_ARGUMENT', bytesSent: 0 },
        `${offset}+${length}`,
      )
    }
    t.like(await sent(`${path}-not`), { code: 'FILE_FAILED', cause: { code: 'ENOENT' } })
    t.like(await sent(dirname(path)), { code: 'FILE_FAILED' })
    const handle = await open(path)
    await handle.close()
    t.like(await sent(handle), { code: 'FILE_FAILED' })
    const released = rangeOfFile(path, 0, 10)
    released.release()
    t.like(await sent(released), { code: 'INVALID_ARGUMENT', bytesSent: 0 })
    t.like(await sent({ byteLength: 10, release() {} } as FileRange), { code: 'INVALID_ARGUMENT' })
    const all = received(peer)
    socket.end('alive')
    t.is(String(await all), 'alive')
  })

  test(`${name}what the page cache has lost is read from the disk`, async (t) => {
    const { path, bytes } = fileOf(t, 5_000_000)
    execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], {
      stdio: 'ignore',
    })
    const { socket, peer } = await connected(t)
    const all = received(peer)
    t.is(await sendFile(socket, path, 0, undefined, { sending }), bytes.length)
    socket.end()
    t.is(digest(await all), digest(bytes))
  })
}
