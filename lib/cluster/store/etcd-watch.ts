/**
 * One watch on etcd, kept up over lost connections: it goes on behind the last revision that it told of. A stream can
 * stand and tell nothing, where etcd never got the watch or has forgotten it: it is asked for a sign of life, and is
 * opened anew where that does not come, or where etcd is known to be further than it tells.
 */

import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import { clearInterval, clearTimeout, setInterval, setTimeout, type Timer } from '../../time/index.js'
import type { EtcdConnection } from './etcd-connection.js'
import { explained } from './etcd-errors.js'
import { deletion, methods, type WatchRequest, type WatchResponse } from './etcd-messages.js'
import { CLUSTER_ID_KEY } from './metadata-keys.js'
import { type MetadataChange, MetadataCompactedError, type MetadataEntry } from './metadata-store.js'
import { RepeatedFailure } from './repeated-failure.js'

const firstPauseMs = 50
const longestPauseMs = 1_000
/** Between questions whether the watch lives. */
const questionMs = 2_000
/** Questions in a row without any sign of life. */
const unansweredAtMost = 3

export class EtcdWatch {
  /** Without the store's own. */
  readonly prefix: string
  readonly #connection: EtcdConnection
  readonly #storePrefix: string
  readonly #listener: (change: MetadataChange) => void
  readonly #onCompacted: (error: MetadataCompactedError) => void
  readonly #waits = new Set<{ revision: number; settle: (reached: boolean) => void }>()
  readonly #stopMoving: () => void
  readonly #questions: Timer
  #stream: ClientDuplexStream<WatchRequest, WatchResponse> | undefined
  /** etcd has the watch of this stream. */
  #isCreated = false
  #unanswered = 0
  #revision: number
  #pauseMs = firstPauseMs
  #startedAt = Number.POSITIVE_INFINITY
  #timer: Timer | undefined
  readonly #failures: RepeatedFailure
  #closed = false

  constructor(
    connection: EtcdConnection,
    storePrefix: string,
    prefix: string,
    afterRevision: number,
    listener: (change: MetadataChange) => void,
    onCompacted: (error: MetadataCompactedError) => void,
  ) {
    this.prefix = prefix
    this.#connection = connection
    this.#storePrefix = storePrefix
    this.#revision = afterRevision
    this.#listener = listener
    this.#onCompacted = onCompacted
    this.#failures = new RepeatedFailure(connection.log, 'changes in etcd cannot be followed')
    this.#stopMoving = connection.onMove(() => this.#stream?.cancel())
    this.#questions = setInterval(() => this.#ask(), questionMs).unref()
    void this.#start()
  }

  /** Resolves to true when everything up to `revision` has been told, to false where it takes too long. */
  reached(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#revision >= revision) return Promise.resolve(true)
    return new Promise((resolve) => {
      const settle = (reached: boolean) => {
        clearTimeout(timer)
        this.#waits.delete(wait)
        resolve(reached)
      }
      const timer = setTimeout(() => {
        settle(false)
        this.#stream?.cancel()
      }, timeoutMs)
      const wait = { revision, settle }
      this.#waits.add(wait)
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    clearInterval(this.#questions)
    this.#stopMoving()
    this.#stream?.cancel()
    for (const { settle } of this.#waits) settle(false)
  }

  async #start(): Promise<void> {
    try {
      // An etcd that was set back would wait for the revision that comes next, and say nothing until then.
      await this.#connection.call(
        methods.range,
        { key: Buffer.from(this.#storePrefix + CLUSTER_ID_KEY) },
        { isRepeatable: true },
      )
      const { stream, failed } = await this.#connection.stream(methods.watch)
      if (this.#closed) {
        stream.on('error', () => {})
        stream.cancel()
        return
      }
      this.#stream = stream
      this.#isCreated = false
      this.#unanswered = 0
      this.#startedAt = performance.now()
      stream.on('data', (response: WatchResponse) => this.#receive(response))
      const ended = (error?: ServiceError) => {
        if (this.#stream !== stream) return
        this.#stream = undefined
        if (error) failed(error)
        this.#restart(error)
      }
      stream.on('error', ended)
      stream.on('end', () => ended())
      const key = Buffer.from(this.#storePrefix + this.prefix)
      stream.write({
        createRequest: {
          key: key.length === 0 ? Buffer.from([0]) : key,
          rangeEnd: prefixEnd(this.#storePrefix + this.prefix),
          startRevision: this.#revision + 1,
        },
      })
    } catch (error) {
      this.#restart(error as Error)
    }
  }

  #ask(): void {
    if (!this.#stream) return
    if (this.#unanswered < unansweredAtMost) {
      this.#unanswered++
      this.#stream.write({ progressRequest: {} })
      return
    }
    this.#connection.log?.warn(
      { revision: this.#revision },
      'etcd tells nothing of changes: its watch is opened anew',
    )
    this.#stream.cancel()
  }

  #restart(error?: Error): void {
    if (this.#closed) return
    if (performance.now() - this.#startedAt > longestPauseMs) this.#pauseMs = firstPauseMs
    if (this.#pauseMs === longestPauseMs) this.#failures.tell(error)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#start(), this.#pauseMs)
    this.#timer.unref()
    this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs)
  }

  #receive({ created, canceled, cancelReason, compactRevision, events }: WatchResponse): void {
    if (this.#closed) return
    this.#isCreated ||= created
    // A stream without a watch answers questions too.
    if (this.#isCreated) this.#unanswered = 0
    if (Number(compactRevision) > 0) {
      const asked = this.#revision
      this.close()
      this.#onCompacted(
        new MetadataCompactedError(
          `changes after revision ${asked} are no longer known; the oldest is ${compactRevision}`,
        ),
      )
      return
    }
    if (canceled) {
      // What etcd calls a lack of rights may be a token that it knows no more.
      this.#connection.forgetToken()
      const stream = this.#stream
      this.#stream = undefined
      stream?.cancel()
      this.#restart(new Error(explained(cancelReason)))
      return
    }
    for (let from = 0; from < events.length; ) {
      const revision = Number(events[from]!.kv.modRevision)
      let to = from
      while (to < events.length && Number(events[to]!.kv.modRevision) === revision) to++
      this.#tell(revision, events.slice(from, to))
      from = to
    }
  }

  #tell(revision: number, events: WatchResponse['events']): void {
    if (revision <= this.#revision) return
    const puts: MetadataEntry[] = []
    const deletes: string[] = []
    for (const { type, kv } of events) {
      const key = kv.key.toString().slice(this.#storePrefix.length)
      if (type === deletion) deletes.push(key)
      else puts.push({ key, value: kv.value.toString(), modRevision: revision })
    }
    this.#listener({ revision, puts, deletes })
    this.#revision = revision
    for (const wait of [...this.#waits]) if (wait.revision <= revision) wait.settle(true)
  }
}

/** The first key behind all that start with `prefix`, as etcd takes it: a zero byte for none. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  for (let at = end.length - 1; at >= 0; at--) {
    if (end[at]! === 0xff) continue
    end[at]!++
    return end.subarray(0, at + 1)
  }
  return Buffer.from([0])
}
