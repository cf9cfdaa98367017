/** Sockets, HTTP servers and files for the tests of sendFile. */

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import {
  type AddressInfo,
  createConnection,
  createServer,
  type Server as NetServer,
  type Socket,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { until } from '../support/serving.js'

/** Both ways by which bytes go out. Where there is no sendfile, the first is the second. */
export const sendings = ['sendfile', 'copy'] as const

export interface TestFile {
  readonly path: string
  readonly bytes: Buffer
}

export function fileOf(t: ExecutionContext, size: number): TestFile {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-send-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'file')
  const bytes = randomBytes(size)
  writeFileSync(path, bytes)
  return { path, bytes }
}

/** Of this process, on `path`; 0 where the system does not tell. */
function descriptorsOn(path: string): number {
  try {
    return readdirSync('/proc/self/fd').filter((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`) === path
      } catch {
        return false
      }
    }).length
  } catch {
    return 0
  }
}

/** Passes when none of this process's descriptors is open on `path` any more. */
export async function fileClosed(t: ExecutionContext, path: string): Promise<void> {
  await until(() => descriptorsOn(path) === 0, 30_000)
  t.pass()
}

export async function listening(t: ExecutionContext, server: NetServer | Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Two ends of one connection: `socket` is to be sent to, `peer` reads when asked to. */
export async function connected(t: ExecutionContext): Promise<{ socket: Socket; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  const port = await listening(t, server)
  const accepted = once(server, 'connection')
  const peer = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true })
  peer.on('error', () => {})
  const [socket] = (await accepted) as [Socket]
  if (peer.connecting) await once(peer, 'connect')
  t.teardown(() => {
    socket.destroy()
    peer.destroy()
  })
  return { socket, peer }
}

/** All that comes until the sender ends. */
export async function received(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Readable where two large buffers are compared. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.byteLength} bytes, ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`
}

/** TLS without certificates: a key that both ends know. */
const presharedKey = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
export const tlsServerOptions = {
  ciphers: 'PSK',
  maxVersion: 'TLSv1.2',
  pskCallback: () => presharedKey,
  pskIdentityHint: 'odradek',
} as const
export const tlsClientOptions = {
  ciphers: 'PSK',
  maxVersion: 'TLSv1.2',
  pskCallback: () => ({ psk: presharedKey, identity: 'test' }),
  checkServerIdentity: () => undefined,
} as const
