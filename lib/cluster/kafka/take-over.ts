/**
 * Takes a data folder over from Kafka: what its metadata log says becomes the first transaction of the embedded
 * store. Until that is on disk the store is empty, and a start after a crash begins anew.
 */
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { BrokerConfig } from '../../config/index.js'
import { PARTITION_METADATA, parsePartitionFolder, partitionFolderName } from '../../log/log-file-names.js'
import {
  configKey,
  type PartitionValue,
  PRODUCER_ID_KEY,
  partitionKey,
  type TopicValue,
  topicKey,
} from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'
import { KafkaFolderError } from './kafka-folder-error.js'
import type { KafkaMetadata, KafkaPartition, KafkaTopic } from './kafka-metadata.js'
import { KAFKA_METADATA_FOLDER, readKafkaMetadata } from './metadata-folder.js'
import { SettingsFilter } from './settings-filter.js'

export interface TakeOverOptions {
  readonly dataDir: string
  readonly nodeId: number
  readonly directoryId: string
  readonly config: BrokerConfig
  readonly log: Logger
}

type Put = { readonly key: string; readonly value: string }

/** Kafka 4.3's `metadata.version`. */
const newestMetadataVersion = 30
/** The broker epoch of the start that takes over, which is the store's first. */
const firstBrokerEpoch = 1
/** Directory ids that name no directory: unassigned, lost, migrating. */
const noDirectory = new Set(['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAQ', 'AAAAAAAAAAAAAAAAAAAAAg'])

/**
 * Takes over what Kafka left in the data folder where the store is empty (`revision` 0). Throws KafkaFolderError where
 * the folder cannot be taken over as a whole.
 */
export async function takeOverFromKafka(
  store: MetadataStore,
  revision: number,
  options: TakeOverOptions,
): Promise<void> {
  if (revision > 0) return
  const folder = join(options.dataDir, KAFKA_METADATA_FOLDER)
  const isThere = await exists(folder)
  const partitionFolders = await findPartitionFolders(options.dataDir)
  if (!isThere) {
    if (partitionFolders.length === 0) return
    throw new KafkaFolderError(
      `${options.dataDir} holds partitions (${some(partitionFolders)}), but neither Odradek's metadata nor Kafka's: ` +
        `copy ${KAFKA_METADATA_FOLDER} there from Kafka's metadata.log.dir`,
    )
  }
  const metadata = await readKafkaMetadata(folder, options.log)
  const version = metadata.features.get('metadata.version') ?? 0
  if (version > newestMetadataVersion) {
    throw new KafkaFolderError(
      `${folder} has metadata.version ${version}; the newest known here is ${newestMetadataVersion}, that of Kafka 4.3`,
    )
  }
  const takeOver = new TakeOver(metadata, options, new Set(partitionFolders))
  await store.txn({ puts: takeOver.puts() })
  takeOver.tell()
}

class TakeOver {
  readonly #metadata: KafkaMetadata
  readonly #options: TakeOverOptions
  readonly #folders: ReadonlySet<string>
  readonly #settings: SettingsFilter
  readonly #expected = new Set<string>()
  readonly #elsewhere: string[] = []
  readonly #otherDirectories: string[] = []
  readonly #outOfSync: string[] = []
  readonly #alone: string[] = []
  #topics = 0

  constructor(metadata: KafkaMetadata, options: TakeOverOptions, folders: ReadonlySet<string>) {
    this.#metadata = metadata
    this.#options = options
    this.#folders = folders
    this.#settings = new SettingsFilter(options.config)
  }

  puts(): Put[] {
    const puts = [...this.#metadata.topics.values()].flatMap((topic) => this.#topic(topic))
    if (this.#otherDirectories.length > 0) {
      throw new KafkaFolderError(
        `partitions lie in another data folder of this broker (${some(this.#otherDirectories)}): ` +
          'move them into one folder with kafka-reassign-partitions before',
      )
    }
    const { nodeId } = this.#options
    for (const [brokerId, settings] of this.#metadata.brokerSettings) {
      const mine = brokerId === String(nodeId)
      if (brokerId !== '' && !mine) continue
      const kept = this.#settings.ofBrokers(settings, mine ? nodeId : null)
      if (kept.size > 0) puts.push({ key: configKey(mine ? nodeId : null), value: toJson(kept) })
    }
    puts.push({ key: PRODUCER_ID_KEY, value: String(this.#metadata.nextProducerId) })
    return puts
  }

  /** Once it is done: what was taken over, and what not. */
  tell(): void {
    const { log, dataDir } = this.#options
    const { leftOut, nextProducerId } = this.#metadata
    log.info(
      { dataDir, topics: this.#topics, partitions: this.#expected.size, nextProducerId },
      'the data folder was taken over from Kafka',
    )
    const warn = (what: Iterable<unknown>, message: string) => {
      const list = [...what]
      if (list.length > 0) log.warn({ dataDir, list }, message)
    }
    warn(this.#settings.leftOut, 'settings of Kafka were left out')
    warn(leftOut, 'Kafka’s metadata holds what has no counterpart here: it was left out')
    warn(this.#elsewhere, 'topics without a replica in this data folder were left out')
    warn(this.#outOfSync, 'partitions were not in sync here: acknowledged records may be missing')
    warn(this.#alone, 'partitions had replicas on other brokers, which are no longer counted')
    warn(
      [...this.#expected].filter((name) => !this.#folders.has(name)),
      'partitions have no folder: they begin empty',
    )
    warn(
      [...this.#folders].filter((name) => !this.#expected.has(name)),
      'folders belong to no partition of this broker: they are left as they are',
    )
  }

  #topic({ name, topicId, partitions }: KafkaTopic): Put[] {
    const { nodeId } = this.#options
    const isHere = [...partitions.values()].some(({ replicas }) => replicas.includes(nodeId))
    if (!isHere) {
      this.#elsewhere.push(name)
      return []
    }
    this.#topics++
    const configs = this.#settings.ofTopic(name, this.#metadata.topicSettings.get(name) ?? new Map())
    const value: TopicValue = { topicId, partitions: partitions.size, configs: Object.fromEntries(configs) }
    const puts: Put[] = []
    for (let index = 0; index < partitions.size; index++) {
      const partition = partitions.get(index)
      if (!partition)
        throw new KafkaFolderError(`Kafka's metadata log has no partition ${index} of topic ${name}`)
      const state = this.#partition(partitionFolderName(name, index), partition)
      puts.push({ key: partitionKey(topicId, index), value: JSON.stringify(state) })
    }
    return [...puts, { key: topicKey(name), value: JSON.stringify(value) }]
  }

  /** A partition of which nothing lies here has no leader; any other is led from here, in a new epoch. */
  #partition(folder: string, partition: KafkaPartition): PartitionValue {
    const { nodeId, directoryId } = this.#options
    const { replicas, isr, eligible, directories } = partition
    const next = {
      leaderEpoch: partition.leaderEpoch + 1,
      partitionEpoch: partition.partitionEpoch + 1,
      brokerEpoch: firstBrokerEpoch,
    }
    if (!replicas.includes(nodeId)) return { ...next, leader: -1, replicas, isr: [] }
    const directory = directories[replicas.indexOf(nodeId)]
    if (directory !== undefined && directory !== directoryId && !noDirectory.has(directory)) {
      this.#otherDirectories.push(folder)
    }
    this.#expected.add(folder)
    if (!isr.includes(nodeId) && !eligible.includes(nodeId)) this.#outOfSync.push(folder)
    if (replicas.length > 1) this.#alone.push(folder)
    return { ...next, leader: nodeId, replicas: [nodeId], isr: [nodeId] }
  }
}

function toJson(settings: ReadonlyMap<string, string>): string {
  return JSON.stringify(Object.fromEntries(settings))
}

/** Folders of partitions that know their topic's id; the metadata log is none of them. */
async function findPartitionFolders(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const found: string[] = []
  for (const name of names) {
    if (name === KAFKA_METADATA_FOLDER || !parsePartitionFolder(name)) continue
    if (await exists(join(dataDir, name, PARTITION_METADATA))) found.push(name)
  }
  return found
}

/** The first few of a list that may be long. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
