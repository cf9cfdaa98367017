/** A broker as a process of its own, to be killed. */
import { ServeProcess } from '../support/serve-process.js'

export class BrokerProcess implements AsyncDisposable {
  readonly bootstrap: string
  /** From the start of the process to the line that says it is ready. */
  readonly readyMs: number
  readonly #process: ServeProcess

  private constructor(process: ServeProcess, port: number, readyMs: number) {
    this.#process = process
    this.bootstrap = `127.0.0.1:${port}`
    this.readyMs = readyMs
  }

  static async start(dataDir: string): Promise<BrokerProcess> {
    const startedAt = performance.now()
    const process = new ServeProcess(['--port', '0', '--data', dataDir])
    const port = await process.ready()
    return new BrokerProcess(process, port, Math.round(performance.now() - startedAt))
  }

  get exited(): Promise<unknown> {
    return this.#process.ended
  }

  kill(): void {
    this.#process.child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.child.kill('SIGTERM')
    await this.#process.ended
  }
}
