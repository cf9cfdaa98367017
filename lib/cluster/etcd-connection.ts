/**
 * Calls to an etcd of one or more endpoints over gRPC: one of them is used until it fails, then the next. Each
 * endpoint's channel reconnects by itself, with back-off.
 */

import { setTimeout as delay } from 'node:timers/promises'
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { type Method, methods } from './etcd-messages.js'
import {
  MetadataOutcomeUnknownError,
  MetadataRefusedError,
  MetadataUnavailableError,
} from './metadata-errors.js'

export interface EtcdTls {
  /** PEM; without one the roots that Node comes with. */
  readonly ca?: Buffer | undefined
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
}

export interface EtcdOptions {
  /** `host:port`, at least one. */
  readonly endpoints: readonly string[]
  /** Stands before every key. */
  readonly prefix: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Left out: plain text. */
  readonly tls?: EtcdTls | undefined
  /** How long a request may take in all, whatever is tried. */
  readonly requestTimeoutMs: number
}

export type CallOptions = {
  /** May be sent twice without harm, so that it is tried again at the next endpoint. */
  readonly isRepeatable: boolean
  readonly timeoutMs?: number
}

const channelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // etcd closes connections that ping more often than every 5 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': -1,
  'grpc.use_local_subchannel_pool': 1,
}

/** How long one endpoint is given before the next is tried. */
const endpointPatienceMs = 1_500
const pauseMs = 100

/** Errors after which it is not known what became of a request. */
const unclear: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
])

export class EtcdConnection {
  readonly #options: EtcdOptions
  readonly #credentials: ChannelCredentials
  readonly #clients = new Map<string, Client>()
  readonly #movers = new Set<() => void>()
  #at = 0
  #token: Promise<string> | undefined
  #closed = false

  constructor(options: EtcdOptions) {
    this.#options = options
    const { tls } = options
    this.#credentials = tls
      ? credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null)
      : credentials.createInsecure()
  }

  get requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs
  }

  /** Calls `work` whenever another endpoint is used from now on. Returns how to stop it. */
  onMove(work: () => void): () => void {
    this.#movers.add(work)
    return () => this.#movers.delete(work)
  }

  /**
   * Throws MetadataUnavailableError where nothing was sent (or only what may be repeated), MetadataOutcomeUnknownError
   * where no answer came, MetadataRefusedError where etcd answered with an error.
   */
  async call<Request extends object, Response extends object>(
    method: Method<Request, Response>,
    request: Request,
    { isRepeatable, timeoutMs = this.#options.requestTimeoutMs }: CallOptions,
  ): Promise<Response> {
    const deadline = performance.now() + timeoutMs
    let renewed = false
    for (;;) {
      const client = await this.#readyClient(deadline)
      try {
        const metadata = await this.#metadata(client)
        const left = deadline - performance.now()
        const patience = isRepeatable && this.#options.endpoints.length > 1 ? endpointPatienceMs : left
        return await send(client, method, request, metadata, Math.max(1, Math.min(left, patience)))
      } catch (error) {
        const { code, details } = error as ServiceError
        if (isStaleToken(error as ServiceError) && !renewed) {
          renewed = true
          this.#token = undefined
          continue
        }
        if (!unclear.has(code)) throw new MetadataRefusedError(details ?? String(error), error)
        this.#moveFrom(client)
        if (!isRepeatable) throw new MetadataOutcomeUnknownError(details, error)
        if (this.#closed || performance.now() + pauseMs >= deadline)
          throw new MetadataUnavailableError(details, error)
        await delay(pauseMs)
      }
    }
  }

  /** Opens a stream at the endpoint in use. Throws as `call` does where there is none. */
  async stream<Request extends object, Response extends object>(
    method: Method<Request, Response>,
  ): Promise<{ stream: ClientDuplexStream<Request, Response>; failed: (error: ServiceError) => void }> {
    const client = await this.#readyClient(performance.now() + this.#options.requestTimeoutMs)
    const metadata = await this.#metadata(client)
    // A member that has lost its leader ends the stream instead of falling silent.
    metadata.set('hasleader', 'true')
    return {
      stream: client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        metadata,
      ),
      failed: (error) => {
        if (isStaleToken(error)) this.#token = undefined
        else this.#moveFrom(client)
      },
    }
  }

  close(): void {
    this.#closed = true
    this.#movers.clear()
    for (const client of this.#clients.values()) client.close()
    this.#clients.clear()
  }

  /** A client that is connected: what is not sent has a known outcome. */
  async #readyClient(deadline: number): Promise<Client> {
    for (;;) {
      if (this.#closed) throw new MetadataUnavailableError('the connection is closed')
      const client = this.#client()
      const left = deadline - performance.now()
      const patience = this.#options.endpoints.length > 1 ? Math.min(left, endpointPatienceMs) : left
      try {
        await new Promise<void>((resolve, reject) => {
          client.waitForReady(Date.now() + Math.max(1, patience), (error) =>
            error ? reject(error) : resolve(),
          )
        })
        return client
      } catch (error) {
        this.#moveFrom(client)
        if (performance.now() >= deadline) {
          throw new MetadataUnavailableError(`no answer from ${this.#options.endpoints.join(', ')}`, error)
        }
      }
    }
  }

  #client(): Client {
    const endpoint = this.#options.endpoints[this.#at]!
    let client = this.#clients.get(endpoint)
    if (!client) {
      client = new Client(endpoint, this.#credentials, channelOptions)
      this.#clients.set(endpoint, client)
    }
    return client
  }

  /** The next endpoint is used, unless somebody has moved on already. */
  #moveFrom(client: Client): void {
    const { endpoints } = this.#options
    if (endpoints.length < 2 || this.#clients.get(endpoints[this.#at]!) !== client) return
    this.#at = (this.#at + 1) % endpoints.length
    for (const work of [...this.#movers]) work()
  }

  async #metadata(client: Client): Promise<Metadata> {
    const metadata = new Metadata()
    const { username, password = '', requestTimeoutMs } = this.#options
    if (username === undefined) return metadata
    this.#token ??= send(
      client,
      methods.authenticate,
      { name: username, password },
      metadata,
      requestTimeoutMs,
    ).then(({ token }) => token)
    const token = this.#token
    try {
      metadata.set('token', await token)
    } catch (error) {
      if (this.#token === token) this.#token = undefined
      throw error
    }
    return metadata
  }
}

function send<Request extends object, Response extends object>(
  client: Client,
  { path, requestSerialize, responseDeserialize, requestStream }: Method<Request, Response>,
  request: Request,
  metadata: Metadata,
  timeoutMs: number,
): Promise<Response> {
  const deadline = Date.now() + timeoutMs
  return new Promise((resolve, reject) => {
    if (!requestStream) {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        { deadline },
        (error, response) => (error ? reject(error) : resolve(response!)),
      )
      return
    }
    // Keepalives are a stream in etcd's interface; one question and its answer are enough here.
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, {
      deadline,
    })
    stream.on('data', (response: Response) => {
      resolve(response)
      stream.end()
    })
    stream.on('error', reject)
    stream.on('end', () => reject(Object.assign(new Error('no answer'), { code: status.UNAVAILABLE })))
    stream.write(request)
  })
}

function isStaleToken({ code, details = '' }: ServiceError): boolean {
  return code === status.UNAUTHENTICATED || details.includes('invalid auth token')
}
