/**
 * Calls to an etcd of one or more endpoints over gRPC: one of them is used until it fails, then the next. Each
 * endpoint's channel reconnects by itself, with back-off.
 */

import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import type { Logger } from 'pino'
import { sleep } from '../../time/index.js'
import { explained, isStaleToken, isUnclear } from './etcd-errors.js'
import { type Header, type Method, methods } from './etcd-messages.js'
import {
  MetadataOutcomeUnknownError,
  MetadataRefusedError,
  MetadataRolledBackError,
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
  readonly log?: Logger | undefined
}

export type CallOptions = {
  /** May be sent twice without harm, so that it is tried again at the next endpoint. */
  readonly isRepeatable: boolean
  readonly timeoutMs?: number
  /** How long one endpoint is given before the next is tried, where it is repeatable. */
  readonly patienceMs?: number
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

/** grpc-js has these as a const enum, of which nothing is left when it runs. */
const ready = 2
const transientFailure = 3

export class EtcdConnection {
  readonly #options: EtcdOptions
  readonly #credentials: ChannelCredentials
  readonly #clients = new Map<string, Client>()
  readonly #movers = new Set<() => void>()
  #at = 0
  #token: Promise<string> | undefined
  /** The newest that etcd has told of; an answer to what is asked behind must not be older. */
  #revision = 0
  #clusterId: string | undefined
  #rolledBack: MetadataRolledBackError | undefined
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

  get log(): Logger | undefined {
    return this.#options.log
  }

  /**
   * Throws MetadataUnavailableError where nothing was sent (or only what may be repeated), MetadataOutcomeUnknownError
   * where no answer came, MetadataRefusedError where etcd answered with an error. From when etcd has gone back to an
   * older state it throws MetadataRolledBackError alone.
   */
  async call<Request extends object, Response extends object>(
    method: Method<Request, Response>,
    request: Request,
    {
      isRepeatable,
      timeoutMs = this.#options.requestTimeoutMs,
      patienceMs = endpointPatienceMs,
    }: CallOptions,
  ): Promise<Response> {
    const deadline = performance.now() + timeoutMs
    let renewed = false
    for (;;) {
      const client = await this.#readyClient(deadline)
      let isSent = false
      try {
        const metadata = await this.#metadata(client).catch((error) => {
          // etcd asks nobody who he is for this: a password that is wrong now must not fence all brokers.
          if (method.path === methods.leaseKeepAlive.path) return new Metadata()
          throw error
        })
        const left = deadline - performance.now()
        const patience = isRepeatable && this.#options.endpoints.length > 1 ? patienceMs : left
        const known = this.#revision
        isSent = true
        const response = await send(client, method, request, metadata, Math.max(1, Math.min(left, patience)))
        if (isLinearizable(method)) this.#compare((response as { header: Header }).header, known)
        return response
      } catch (error) {
        if (error instanceof MetadataRolledBackError) throw error
        const details = explained((error as ServiceError).details ?? String(error))
        if (isStaleToken(error as ServiceError) && !renewed) {
          renewed = true
          this.#token = undefined
          continue
        }
        if (!isUnclear(error as ServiceError)) throw new MetadataRefusedError(details, error)
        this.#moveFrom(client)
        if (isSent && !isRepeatable) throw new MetadataOutcomeUnknownError(details, error)
        if (this.#closed || performance.now() + pauseMs >= deadline)
          throw new MetadataUnavailableError(details, error)
        await sleep(pauseMs)
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

  /** The next request is sent with a new token: what etcd refuses may be no matter of rights. */
  forgetToken(): void {
    this.#token = undefined
  }

  /** A client that is connected: what is not sent has a known outcome. */
  async #readyClient(deadline: number): Promise<Client> {
    const { endpoints } = this.#options
    for (let tried = 1; ; tried++) {
      if (this.#closed) throw new MetadataUnavailableError('the connection is closed')
      if (this.#rolledBack) throw this.#rolledBack
      const client = this.#client()
      const left = deadline - performance.now()
      const patience = endpoints.length > 1 ? Math.min(left, endpointPatienceMs) : left
      if (await isReady(client, Math.max(1, patience), endpoints.length > 1)) return client
      const isLate = performance.now() >= deadline
      const why = isLate ? await reasonOf(client) : undefined
      this.#moveFrom(client)
      if (isLate)
        throw new MetadataUnavailableError(`no answer from ${endpoints.join(', ')}${this.#told(why)}`)
      if (tried % endpoints.length === 0) await sleep(pauseMs)
    }
  }

  /** An etcd that was set back, or is another one, must not be gone on with: what it says was true once. */
  #compare({ revision, clusterId }: Header, known: number): void {
    const wasSetBack = Number(revision) < known
    this.#clusterId ??= clusterId
    this.#revision = Math.max(this.#revision, Number(revision))
    if (!wasSetBack && clusterId === this.#clusterId) return
    this.#rolledBack = new MetadataRolledBackError(
      wasSetBack
        ? `its revision was ${known} and is ${revision}`
        : `its cluster id was ${this.#clusterId} and is ${clusterId}`,
    )
    throw this.#rolledBack
  }

  #told(why: string | undefined): string {
    if (why !== undefined) return `: ${why}`
    if (this.#clusterId !== undefined) return ''
    return this.#options.tls
      ? ' (it may ask for a certificate, or refuse that of etcd.tls.cert.file)'
      : ' (it may ask for TLS: see etcd.tls.ca.file)'
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

/** Answers of these are never older than what was answered before they were asked. */
function isLinearizable(method: { readonly path: string }): boolean {
  return method.path === methods.range.path || method.path === methods.txn.path
}

/** Whether the channel stands within `patienceMs`; with `hurries` one attempt to connect that fails is enough. */
async function isReady(client: Client, patienceMs: number, hurries: boolean): Promise<boolean> {
  const channel = client.getChannel()
  const deadline = Date.now() + patienceMs
  for (;;) {
    const state: number = channel.getConnectivityState(true)
    if (state === ready) return true
    if (hurries && state === transientFailure) return false
    const isTold = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadline, (error) => resolve(!error))
    })
    if (!isTold) return false
  }
}

/** Why a channel does not stand, as it tells the call that needs it; undefined where it does not know either. */
async function reasonOf(client: Client): Promise<string | undefined> {
  try {
    await send(client, methods.authenticate, { name: '', password: '' }, new Metadata(), 100)
  } catch (error) {
    const details = (error as ServiceError).details ?? ''
    return /Last error: (?:Error: )?(?!Failed to connect)(.*?)\. Resolution note/.exec(details)?.[1]
  }
  return undefined
}
