/** Loopback addresses that one cluster of a test has to itself: all of 127.0.0.0/8 can be bound on Linux. */
import { createServer, type Server } from 'node:net'

/** Below the ports that the system gives to those that connect. */
const claimPort = 20_000

export class Loopback implements AsyncDisposable {
  readonly #net: string
  readonly #claim: Server

  private constructor(net: string, claim: Server) {
    this.#net = net
    this.#claim = claim
  }

  /** A network of 254 addresses that no other test has, held until it is given back. */
  static async claim(): Promise<Loopback> {
    for (let turn = process.pid; ; turn++) {
      const net = `127.${64 + ((turn >> 8) & 63)}.${turn & 255}`
      const claim = createServer()
      const isOurs = await new Promise<boolean>((resolve) => {
        claim.once('error', () => resolve(false))
        claim.listen(claimPort, `${net}.1`, () => resolve(true))
      })
      if (isOurs) return new Loopback(net, claim)
    }
  }

  host(number: number): string {
    return `${this.#net}.${number}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#claim.close(resolve))
  }
}
