/**
 * Moves the metadata of a broker that runs alone into a store that brokers share, where it becomes a broker of a
 * cluster with the same id, topics and epochs.
 *
 * An import that is broken off leaves the `import` key, under which no broker starts on the store, and which the same
 * folder's next import goes on behind. The folder is marked before that key goes: at no moment would two starts, one
 * with etcd and one without, both succeed.
 */

import { join } from 'node:path'
import type { Logger } from 'pino'
import { type BrokerConfig, ConfigError } from '../../config/index.js'
import { LOCK_FILE } from '../../log/log-file-names.js'
import type { Files } from '../../native/types.js'
import type { OpenLog } from '../store/embedded-metadata-store.js'
import {
  type BrokerValue,
  brokerKey,
  CLUSTER_ID_KEY,
  IMPORT_KEY,
  type ImportValue,
  PARTITION_PREFIX,
  TOPIC_PREFIX,
} from '../store/metadata-keys.js'
import type { MetadataEntry, MetadataStore } from '../store/metadata-store.js'
import { loadMetaProperties, type MetaProperties } from './meta-properties.js'
import { holdsMetadata, isMarkedShared, markShared } from './metadata-home.js'
import { openOwnMetadata } from './own-metadata.js'

export interface MetadataImportOptions {
  readonly dataDir: string
  readonly config: BrokerConfig
  readonly files: Files
  readonly openLog: OpenLog
  readonly log: Logger
  /** Where the metadata goes to. */
  readonly store: MetadataStore
}

export interface MetadataImport {
  readonly clusterId: string
  readonly nodeId: number
  readonly topics: number
  readonly partitions: number
  /** False where an earlier import had done everything. */
  readonly changed: boolean
}

type Entries = ReadonlyMap<string, string>
type Write = { readonly key: string; readonly value: string | undefined }

/** Of a transaction: below etcd's 1.5 MiB (`--max-request-bytes`), with room for what stands around the values. */
const maxTxnBytes = 1 << 20

/**
 * Takes the folder's lock. Throws ConfigError where the folder has nothing to import or the store holds something
 * else, KafkaFolderError where the folder is Kafka's and cannot be taken over, the engine's LOCKED while a broker runs.
 */
export async function importMetadata(options: MetadataImportOptions): Promise<MetadataImport> {
  const { dataDir, config, files, store } = options
  if (!(await holdsMetadata(dataDir))) fail(`${dataDir} holds no metadata of a broker that ran alone`)
  const lock = await files.lock(join(dataDir, LOCK_FILE))
  try {
    const meta = await loadMetaProperties(files, dataDir, config.get('node.id'))
    const own = await openOwnMetadata({ ...options, meta })
    try {
      const { entries } = await own.range('')
      return await new Import(store, meta, entries, options).run()
    } finally {
      await own.close()
    }
  } finally {
    await lock.release()
  }
}

class Import {
  readonly #store: MetadataStore
  readonly #meta: MetaProperties
  readonly #wanted: Entries
  readonly #options: MetadataImportOptions

  constructor(
    store: MetadataStore,
    meta: MetaProperties,
    entries: readonly MetadataEntry[],
    options: MetadataImportOptions,
  ) {
    this.#store = store
    this.#meta = meta
    this.#wanted = valuesOf(entries)
    this.#options = options
  }

  async run(): Promise<MetadataImport> {
    const { files, dataDir, log } = this.#options
    const { clusterId, nodeId } = this.#meta
    const keys = [...this.#wanted.keys()]
    const result = {
      clusterId,
      nodeId,
      topics: keys.filter((key) => key.startsWith(TOPIC_PREFIX)).length,
      partitions: keys.filter((key) => key.startsWith(PARTITION_PREFIX)).length,
    }
    const claim = await this.#claim()
    if (!claim) return { ...result, changed: false }
    for (;;) {
      const { entries, revision } = await this.#store.range('')
      const writes = this.#missing(valuesOf(entries))
      if (writes.length === 0) {
        await markShared(files, dataDir, revision)
        break
      }
      log.info({ keys: writes.length }, 'metadata is written to etcd')
      for (const chunk of this.#chunks(writes)) await this.#write(chunk, claim)
    }
    await this.#write([{ key: IMPORT_KEY, value: undefined }], claim)
    return { ...result, changed: true }
  }

  /** The revision of the `import` key, which stands for this folder now; undefined where all is done. */
  async #claim(): Promise<number | undefined> {
    const { clusterId, nodeId, directoryId } = this.#meta
    const value: ImportValue = { clusterId, nodeId, directoryId }
    const { dataDir, config } = this.#options
    const place = `etcd.prefix ${config.get('etcd.prefix')}`
    const isMarked = await isMarkedShared(dataDir)
    for (;;) {
      const { entries } = await this.#store.range('')
      const found = valuesOf(entries)
      const claim = entries.find(({ key }) => key === IMPORT_KEY)
      if (claim) {
        const other = JSON.parse(claim.value) as ImportValue
        if (other.directoryId === directoryId && other.clusterId === clusterId) return claim.modRevision
        fail(
          `an import of broker ${other.nodeId} of cluster ${other.clusterId} into ${place} was broken off: run that one again, or choose another etcd.prefix`,
        )
      }
      const broker = found.get(brokerKey(nodeId))
      // What came from Kafka has no registration before its first start.
      const isSame = !broker || (JSON.parse(broker) as BrokerValue).directoryId === directoryId
      if (isMarked && found.get(CLUSTER_ID_KEY) === clusterId && isSame) return undefined
      if (isMarked) {
        fail(`the metadata of ${dataDir} lies in an etcd already, and this one (${place}) does not have it`)
      }
      if (entries.length > 0) {
        const whose = found.get(CLUSTER_ID_KEY)
        fail(
          `etcd holds ${entries.length} keys below ${place}${whose ? `, of cluster ${whose}` : ''}: choose another etcd.prefix, or remove them`,
        )
      }
      const { succeeded, revision } = await this.#store.txn({
        compares: [IMPORT_KEY, CLUSTER_ID_KEY].map((key) => ({ key, modRevision: 0 })),
        puts: [
          { key: IMPORT_KEY, value: JSON.stringify(value) },
          { key: CLUSTER_ID_KEY, value: clusterId },
        ],
      })
      if (succeeded) return revision
    }
  }

  /** What the store lacks, and what it has of an import before the folder's broker was started once more. */
  #missing(found: Entries): Write[] {
    const missing: Write[] = []
    for (const [key, value] of this.#wanted) if (found.get(key) !== value) missing.push({ key, value })
    for (const key of found.keys()) {
      if (key === IMPORT_KEY || key === CLUSTER_ID_KEY || this.#wanted.has(key)) continue
      missing.push({ key, value: undefined })
    }
    return missing
  }

  *#chunks(writes: readonly Write[]): Iterable<Write[]> {
    let chunk: Write[] = []
    let bytes = 0
    for (const write of writes) {
      const size = Buffer.byteLength(write.key) + Buffer.byteLength(write.value ?? '')
      if (chunk.length > 0 && (chunk.length >= this.#store.maxTxnOperations || bytes + size > maxTxnBytes)) {
        yield chunk
        chunk = []
        bytes = 0
      }
      chunk.push(write)
      bytes += size
    }
    if (chunk.length > 0) yield chunk
  }

  async #write(writes: readonly Write[], claim: number): Promise<void> {
    const { succeeded } = await this.#store.txn({
      compares: [{ key: IMPORT_KEY, modRevision: claim }],
      puts: writes.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }])),
      deletes: writes.flatMap(({ key, value }) => (value === undefined ? [key] : [])),
    })
    if (!succeeded) fail('somebody else has written to etcd during the import: run it again')
  }
}

function valuesOf(entries: readonly MetadataEntry[]): Map<string, string> {
  return new Map(entries.map(({ key, value }) => [key, value]))
}

function fail(message: string): never {
  throw new ConfigError('INVALID_VALUE', message, 'etcd.prefix')
}
