/** A way to a broker that counts what the broker sends over it. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class ByteCounter implements AsyncDisposable {
  /** Where the broker listens; connections are refused until it is known. */
  target: number | undefined
  received = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor() {
    this.#server = createServer((client) => this.#join(client))
  }

  static async start(): Promise<ByteCounter> {
    const counter = new ByteCounter()
    counter.#server.listen(0, '127.0.0.1')
    await once(counter.#server, 'listening')
    return counter
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket): void {
    if (this.target === undefined) {
      client.destroy()
      return
    }
    const broker = connect(this.target, '127.0.0.1')
    broker.on('data', (bytes) => {
      this.received += bytes.byteLength
    })
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.pipe(other)
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }
}
