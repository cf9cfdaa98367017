import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import test from 'ava'
import { FaultLink } from './fault-link.js'

/** A link before a server that sends back what it gets. */
class Scene implements AsyncDisposable {
  readonly link: FaultLink
  readonly #server: Server

  private constructor(link: FaultLink, server: Server) {
    this.link = link
    this.#server = server
  }

  static async open(): Promise<Scene> {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    const host = '127.0.0.1'
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    const { port } = server.address() as { port: number }
    // Free a moment ago; taken by somebody else, it is asked for anew.
    for (;;) {
      const probe = createServer()
      await new Promise<void>((resolve) => probe.listen(0, host, resolve))
      const free = (probe.address() as { port: number }).port
      await new Promise((resolve) => probe.close(resolve))
      const link = await FaultLink.open({ host, port: free }, { host, port }).catch(() => undefined)
      if (link) return new Scene(link, server)
    }
  }

  async dial(): Promise<Socket> {
    const { host, port } = this.link.address
    const socket = connect(port, host)
    await once(socket, 'connect')
    socket.on('error', () => {})
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.link[Symbol.asyncDispose]()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** So many bytes, or what came before the end. */
function read(socket: Socket, count: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const done = () => {
      socket.off('data', take).off('close', done)
      resolve(text)
    }
    const take = (bytes: Buffer) => {
      text += bytes
      if (text.length >= count) done()
    }
    socket.on('data', take).on('close', done)
  })
}

/** `once` would reject where a reset comes first. */
const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

test('a link that is well carries bytes and ends both ways', async (t) => {
  await using scene = await Scene.open()
  const socket = await scene.dial()
  socket.write('abc')
  t.is(await read(socket, 3), 'abc')
  const isClosed = closed(socket)
  socket.end()
  await isClosed
})

test('what is held comes when the link is well again, in its order', async (t) => {
  await using scene = await Scene.open()
  const socket = await scene.dial()
  socket.write('a')
  t.is(await read(socket, 1), 'a')
  let isEarly = true
  for (const direction of ['forth', 'back'] as const) {
    scene.link.set(direction, { silent: 'hold' })
    socket.write('bc')
    const answer = read(socket, 2).then((text) => ({ text, isEarly }))
    await new Promise((resolve) => setTimeout(resolve, 30))
    isEarly = false
    scene.link.heal()
    t.deepEqual(await answer, { text: 'bc', isEarly: false })
    isEarly = true
  }
  socket.destroy()
})

test('a connection that has lost bytes is reset when the link is well again', async (t) => {
  await using scene = await Scene.open()
  const socket = await scene.dial()
  socket.write('a')
  t.is(await read(socket, 1), 'a')
  scene.link.set('back', { silent: 'lose' })
  socket.write('b')
  const ended = read(socket, 1)
  while (scene.link.lostBytes === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  scene.link.heal()
  t.is(await ended, '')
  const next = await scene.dial()
  next.write('c')
  t.is(await read(next, 1), 'c')
  next.destroy()
})

for (const how of ['end', 'reset'] as const) {
  test(`a connection is cut within a frame (${how})`, async (t) => {
    await using scene = await Scene.open()
    const socket = await scene.dial()
    scene.link.cut(how, { direction: 'back', bytes: 3 })
    socket.write('abcdef')
    const text = await read(socket, 6)
    // After a reset the receiver may be told before it has read what came.
    t.true('abc'.startsWith(text), text)
    if (how === 'end') t.is(text, 'abc')
  })
}

test('a link refuses, and accepts again', async (t) => {
  await using scene = await Scene.open()
  const socket = await scene.dial()
  const isClosed = closed(socket)
  await scene.link.refuse()
  await isClosed
  await t.throwsAsync(scene.dial(), { code: 'ECONNREFUSED' })
  await scene.link.accept()
  const next = await scene.dial()
  next.write('a')
  t.is(await read(next, 1), 'a')
  next.destroy()
})

test('a slow link delivers late, and all of it', async (t) => {
  await using scene = await Scene.open()
  scene.link.set('forth', { delayMs: 5, bytesPerSecond: 100_000 })
  const socket = await scene.dial()
  const text = 'x'.repeat(3_000)
  socket.write(text)
  t.is(await read(socket, text.length), text)
  socket.destroy()
})
