/** A bare client of the protocol, for tests that look at single requests and responses. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  type ApiName,
  apiByName,
  apis,
  decodeResponse,
  type Encodable,
  encodeRequest,
  type RequestOf,
  type ResponseOf,
} from '../../lib/protocol/index.js'

export class TestClient implements Disposable {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = []
  #correlationId = 0

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => this.#receive(bytes))
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the broker closed the connection'))
    })
  }

  static async connect(bootstrap: string): Promise<TestClient> {
    const [host, port] = bootstrap.split(':') as [string, string]
    const socket = connect(Number(port), host)
    await once(socket, 'connect')
    return new TestClient(socket)
  }

  /** Sends a request, in the API's highest stable version unless told otherwise, and resolves with the response. */
  async send<A extends ApiName>(
    api: A,
    body: Encodable<RequestOf<A>>,
    version = highestVersion(api),
  ): Promise<ResponseOf<A>> {
    const correlationId = this.#correlationId++
    const parts = encodeRequest(api, version, { correlationId, clientId: 'test' }, body, true) as Uint8Array[]
    const frame = await this.exchange(Buffer.concat(parts))
    return decodeResponse(api, version, frame).body
  }

  /** Sends bytes as they are and resolves with the next frame (without its size). */
  exchange(bytes: Uint8Array): Promise<Buffer> {
    const answer = this.nextFrame()
    this.socket.write(bytes)
    return answer
  }

  nextFrame(): Promise<Buffer> {
    if (this.socket.closed) return Promise.reject(new Error('the broker closed the connection'))
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #receive(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes])
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0)
      if (this.#received.length < end) return
      this.#waiting.shift()?.resolve(this.#received.subarray(4, end))
      this.#received = this.#received.subarray(end)
    }
  }
}

function highestVersion(api: ApiName): number {
  const { key } = apiByName(api)
  const { maxVersion, latestVersionUnstable } = apis.get(key)!
  return latestVersionUnstable ? maxVersion - 1 : maxVersion
}
