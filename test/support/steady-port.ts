/**
 * A port for a program that binds it later, or is stopped and started again: one that neither an outgoing connection nor
 * a server that takes any port is given meanwhile.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below what systems give to both (from 32768 on). */
const from = 12_000
const below = 32_000

export async function steadyPort(): Promise<number> {
  for (;;) {
    const port = randomInt(from, below)
    const server = createServer()
    const taken = once(server, 'error').then(() => true)
    const free = once(server, 'listening').then(() => false)
    server.listen(port, '127.0.0.1')
    const isTaken = await Promise.race([taken, free])
    free.catch(() => {})
    if (isTaken) continue
    taken.catch(() => {})
    server.close()
    await once(server, 'close')
    return port
  }
}
