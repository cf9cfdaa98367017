/** A muted connection: what came before is answered, what comes after waits, and its end is still seen. */
import test from 'ava'
import type { Connection } from '../../lib/network/index.js'
import { frameOf, RawClient, serve, transports, until } from '../support/serving.js'

for (const transport of transports) {
  const name = `${transport.reading}: `

  test(`${name}the answer that mutes is sent at once, and the next frame is handled when time is over`, async (t) => {
    const handledAt: number[] = []
    const muteMs = 300
    const handler = (frame: Buffer, connection: Connection) => {
      handledAt.push(performance.now())
      if (handledAt.length === 1) {
        connection.mute(muteMs)
        connection.mute(1)
      }
      return [frame]
    }
    const { listener } = await serve(t, handler, { transport })
    const client = await RawClient.connect(t, listener.port)
    await client.send(frameOf('a'), frameOf('b'))
    t.is((await client.receive())?.toString(), 'a')
    t.is(handledAt.length, 1)
    t.is((await client.receive())?.toString(), 'b')
    t.true(handledAt[1]! - handledAt[0]! >= muteMs - 1)
  })

  test(`${name}a muted connection is not idle, and is closed with its listener`, async (t) => {
    const seen: Connection[] = []
    const handler = (frame: Buffer, connection: Connection) => {
      seen.push(connection)
      connection.mute(60_000)
      return [frame]
    }
    const { listener } = await serve(t, handler, { transport, maxIdleMs: 20 })
    const client = await RawClient.connect(t, listener.port)
    const bystander = await RawClient.connect(t, listener.port)
    await client.send(frameOf('a'))
    await client.receive()
    await bystander.closed()
    t.false(seen[0]!.closed)
    await listener.close()
    await until(() => seen[0]!.closed)
  })
}
