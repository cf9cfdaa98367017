/**
 * The metadata store of a cluster: etcd 3.4 or newer, below one prefix. Reads are linearizable. A transaction
 * resolves when the watches of this store that it concerns have been told of it, so that whoever waits for one finds
 * its change in what the watches feed.
 */

import { sleep } from '../../time/index.js'
import { EtcdConnection, type EtcdOptions } from './etcd-connection.js'
import {
  compareEqual,
  compareModRevision,
  type KeyValue,
  methods,
  type RequestOp,
  type TxnResponse,
} from './etcd-messages.js'
import { EtcdWatch, prefixEnd } from './etcd-watch.js'
import { MetadataOutcomeUnknownError } from './metadata-errors.js'
import { CLUSTER_ID_KEY } from './metadata-keys.js'
import type {
  MetadataChange,
  MetadataCompactedError,
  MetadataEntry,
  MetadataLeases,
  MetadataStore,
  MetadataTxn,
  MetadataTxnResult,
  MetadataWatch,
} from './metadata-store.js'

/** etcd's own bound (`--max-txn-ops`), for compares and for operations each. */
const maxTxnOperations = 128
const pageSize = 1_000
/** Members that are asked in the time of one keepalive. */
const keepAliveAttempts = 4
/** How long whoever compared with what is gone waits for the watch to tell of it. */
const staleRestMs = 20
/** What etcd answers to a read at a revision that was compacted away. */
const compacted = /required revision has been compacted/

export class EtcdMetadataStore implements MetadataStore {
  readonly maxTxnOperations = maxTxnOperations
  readonly leases: MetadataLeases
  readonly #connection: EtcdConnection
  readonly #prefix: string
  readonly #watches = new Set<EtcdWatch>()

  private constructor(options: EtcdOptions) {
    this.#connection = new EtcdConnection(options)
    this.#prefix = options.prefix
    this.leases = leasesOf(this.#connection)
  }

  /** Resolves once etcd has answered. Throws MetadataUnavailableError or MetadataRefusedError. */
  static async open(options: EtcdOptions): Promise<EtcdMetadataStore> {
    const store = new EtcdMetadataStore(options)
    try {
      await store.get(CLUSTER_ID_KEY)
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  async get(key: string): Promise<MetadataEntry | undefined> {
    const { kvs } = await this.#connection.call(
      methods.range,
      { key: this.#bytes(key) },
      { isRepeatable: true },
    )
    return kvs[0] && this.#entry(kvs[0])
  }

  async range(prefix: string): Promise<{ entries: readonly MetadataEntry[]; revision: number }> {
    for (;;) {
      try {
        return await this.#range(prefix)
      } catch (error) {
        if (!compacted.test((error as Error).message)) throw error
      }
    }
  }

  async txn({ compares = [], puts = [], deletes = [] }: MetadataTxn): Promise<MetadataTxnResult> {
    const response = await this.#connection.call(
      methods.txn,
      {
        compare: compares.map(({ key, modRevision }) => ({
          result: compareEqual,
          target: compareModRevision,
          key: this.#bytes(key),
          modRevision,
        })),
        success: [
          ...puts.map(
            ({ key, value, lease }): RequestOp => ({
              requestPut: { key: this.#bytes(key), value: Buffer.from(value), ...(lease && { lease }) },
            }),
          ),
          ...deletes.map((key): RequestOp => ({ requestDeleteRange: { key: this.#bytes(key) } })),
        ],
        failure: compares.map(({ key }): RequestOp => ({ requestRange: { key: this.#bytes(key) } })),
      },
      { isRepeatable: false },
    )
    const revision = Number(response.header.revision)
    if (response.succeeded) {
      const deleted = deletes.filter(
        (_, index) => Number(response.responses[puts.length + index]?.responseDeleteRange?.deleted ?? 0) > 0,
      )
      await this.#seen([...puts.map(({ key }) => key), ...deleted], revision)
    } else await this.#seenWhatStands(compares, response)
    return { succeeded: response.succeeded, revision }
  }

  watch(
    prefix: string,
    afterRevision: number,
    listener: (change: MetadataChange) => void,
    onCompacted: (error: MetadataCompactedError) => void,
  ): MetadataWatch {
    const watch = new EtcdWatch(this.#connection, this.#prefix, prefix, afterRevision, listener, (error) => {
      this.#watches.delete(watch)
      onCompacted(error)
    })
    this.#watches.add(watch)
    return {
      close: () => {
        this.#watches.delete(watch)
        watch.close()
      },
    }
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.close()
    this.#watches.clear()
    this.#connection.close()
  }

  async #range(prefix: string): Promise<{ entries: readonly MetadataEntry[]; revision: number }> {
    const rangeEnd = prefixEnd(this.#prefix + prefix)
    const entries: MetadataEntry[] = []
    let key = this.#bytes(prefix)
    if (key.length === 0) key = Buffer.from([0])
    let revision = 0
    for (;;) {
      const page = await this.#connection.call(
        methods.range,
        { key, rangeEnd, limit: pageSize, revision },
        { isRepeatable: true },
      )
      if (revision === 0) revision = Number(page.header.revision)
      for (const kv of page.kvs) entries.push(this.#entry(kv))
      if (!page.more) return { entries, revision }
      key = Buffer.concat([page.kvs.at(-1)!.key, Buffer.from([0])])
    }
  }

  /** A transaction whose compares did not hold was thought of too early: its reason must be seen before the next. */
  async #seenWhatStands(
    compares: NonNullable<MetadataTxn['compares']>,
    { responses }: TxnResponse,
  ): Promise<void> {
    for (const [index, { key, modRevision }] of compares.entries()) {
      const found = responses[index]?.responseRange?.kvs[0]
      if (found) await this.#seen([key], Number(found.modRevision))
      else if (modRevision !== 0) await sleep(staleRestMs)
    }
  }

  async #seen(keys: readonly string[], revision: number): Promise<void> {
    const waits = [...this.#watches]
      .filter(({ prefix }) => keys.some((key) => key.startsWith(prefix)))
      .map((watch) => watch.reached(revision, this.#connection.requestTimeoutMs))
    if ((await Promise.all(waits)).includes(false)) {
      throw new MetadataOutcomeUnknownError('it has not come back to this broker in time')
    }
  }

  #bytes(key: string): Buffer {
    return Buffer.from(this.#prefix + key)
  }

  #entry({ key, value, modRevision }: KeyValue): MetadataEntry {
    return {
      key: key.toString().slice(this.#prefix.length),
      value: value.toString(),
      modRevision: Number(modRevision),
    }
  }
}

function leasesOf(connection: EtcdConnection): MetadataLeases {
  return {
    async grant(ttlMs) {
      const { ID, TTL } = await connection.call(
        methods.leaseGrant,
        { TTL: Math.ceil(ttlMs / 1_000) },
        { isRepeatable: true },
      )
      return { id: ID, ttlMs: Number(TTL) * 1_000 }
    },
    async keepAlive(id, timeoutMs) {
      const { TTL } = await connection.call(
        methods.leaseKeepAlive,
        { ID: id },
        // A member passes it on to etcd's leader, and waits for one that is gone for longer than a lease lasts.
        { isRepeatable: true, timeoutMs, patienceMs: timeoutMs / keepAliveAttempts },
      )
      return Number(TTL) > 0
    },
    async revoke(id) {
      try {
        await connection.call(methods.leaseRevoke, { ID: id }, { isRepeatable: true })
      } catch (error) {
        if (!/requested lease not found/.test((error as Error).message)) throw error
      }
    },
  }
}
