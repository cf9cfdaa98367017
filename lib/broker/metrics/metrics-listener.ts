/** Serves the metrics over HTTP where `metrics.listener` says: GET /metrics. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { MetricSource } from './metric.js'
import { MetricsRegistry } from './metrics-registry.js'

/** Scrapers that may be connected at once. */
const maxConnections = 16
const requestTimeoutMs = 10_000

export class MetricsListener {
  readonly #server: Server
  readonly #registry: MetricsRegistry
  readonly #stopListening: () => void

  private constructor(server: Server, registry: MetricsRegistry, stopListening: () => void) {
    this.#server = server
    this.#registry = registry
    this.#stopListening = stopListening
  }

  /** Rejects with Node's own error where the address cannot be listened on. */
  static async open(
    { host, port }: { host: string; port: number },
    source: MetricSource,
    log: Logger,
  ): Promise<MetricsListener> {
    const registry = new MetricsRegistry(source)
    const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
      void answer(registry, request, response).catch((error: unknown) => {
        log.error({ err: error }, 'the metrics could not be collected')
        response.destroy()
      })
    })
    server.maxConnections = maxConnections
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host === '' ? undefined : host, () => {
        server.off('error', reject)
        resolve()
      })
    })
    const stopListening = source.services.cluster.image.onChange(({ deleted }) => {
      for (const { name } of deleted) source.traffic.forget(name)
    })
    return new MetricsListener(server, registry, stopListening)
  }

  /** Where a scraper finds them. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`
  }

  async close(): Promise<void> {
    this.#stopListening()
    this.#registry.close()
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

async function answer(
  registry: MetricsRegistry,
  { method, url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = url?.split('?')[0]
  if (path !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('Metrics are at /metrics.\n')
  } else if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
  } else {
    const text = await registry.text()
    response.writeHead(200, { 'content-type': registry.contentType }).end(method === 'HEAD' ? '' : text)
  }
}
