/**
 * This broker's place in the cluster: its data folder's identity, its registration, the metadata store and the image
 * of it. Opened once the data folder is locked and before any log is.
 *
 * Every start registers a new broker epoch before anything is served: each partition that this broker leads gets a
 * higher leader epoch by it, so that a tail lost in a crash is never written anew under the same epoch.
 */

import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type BrokerConfig, ConfigError, parseListeners } from '../config/index.js'
import { readCleanStop } from '../log/clean-stop.js'
import type { Files } from '../native/types.js'
import { randomUuid } from '../protocol/index.js'
import { sleep } from '../time/index.js'
import { BrokerRemoval } from './changes/broker-removal.js'
import { BrokerSettingsChanges } from './changes/broker-settings-changes.js'
import { leaveIsr } from './changes/isr-leave.js'
import { StoreIsrWriter } from './changes/isr-writer.js'
import { LeaderElections } from './changes/leader-elections.js'
import { allocateProducerIds, type ProducerIdBlock } from './changes/producer-ids.js'
import { ReassignmentChanges } from './changes/reassignment-changes.js'
import { TopicChanges } from './changes/topic-changes.js'
import { Controller } from './controller/controller.js'
import { LeaderBalancer } from './controller/leader-balancer.js'
import { type BrokerImage, ClusterImage } from './image/cluster-image.js'
import { checkAdvertised, checkSharedListener } from './membership/advertised-address.js'
import { LeadershipCheck } from './membership/leadership-check.js'
import { Liveness } from './membership/liveness.js'
import { loadMetaProperties, type MetaProperties, ownerOf } from './membership/meta-properties.js'
import { checkMetadataHome, checkRevision, markShared } from './membership/metadata-home.js'
import { openOwnMetadata } from './membership/own-metadata.js'
import { PeerConnections } from './membership/peer-connections.js'
import { chunksOf } from './store/chunks.js'
import type { OpenLog } from './store/embedded-metadata-store.js'
import {
  type BrokerEndpoint,
  type BrokerValue,
  brokerKey,
  CLUSTER_ID_KEY,
  IMPORT_KEY,
  type ImportValue,
} from './store/metadata-keys.js'
import type { MetadataCompactedError, MetadataStore, MetadataWatch } from './store/metadata-store.js'

const NO_EPOCH = -1
const READ_PAUSE_MS = 500
/** What is taken of the store while it is read first: a few milliseconds' work. */
const ENTRIES_AT_ONCE = 1_000

export interface ClusterOptions {
  readonly dataDir: string
  readonly config: BrokerConfig
  /** What of the engine the cluster needs: its files and its logs. */
  readonly files: Files
  readonly openLog: OpenLog
  readonly log: Logger
  /** What clients are told, as far as it is known; `advertise` gives the rest once the ports are. */
  readonly endpoints?: readonly BrokerEndpoint[]
  /**
   * A store that several brokers share; whoever gives it closes it, after them. Left out: one of this broker's own,
   * in its data folder.
   */
  readonly store?: MetadataStore
}

export class Cluster {
  readonly image: ClusterImage
  /** Called once, where this broker can never take part again: another one has its node id. */
  onFailed: ((error: Error) => void) | undefined
  readonly topics: TopicChanges
  readonly reassignments: ReassignmentChanges
  readonly brokerSettings: BrokerSettingsChanges
  readonly elections: LeaderElections
  readonly removal: BrokerRemoval
  readonly isrWriter: StoreIsrWriter
  readonly leadership: LeadershipCheck
  readonly #store: MetadataStore
  readonly #ownsStore: boolean
  readonly #config: BrokerConfig
  readonly #meta: MetaProperties
  readonly #dataDir: string
  readonly #files: Files
  readonly #log: Logger
  /** In a store with leases: several brokers, any of which may die. */
  readonly #liveness: Liveness | undefined
  #controller: Controller | undefined
  #peers: PeerConnections | undefined
  #balancer: LeaderBalancer | undefined
  #closed = false
  #watch: MetadataWatch | undefined

  private constructor(
    store: MetadataStore,
    ownsStore: boolean,
    config: BrokerConfig,
    meta: MetaProperties,
    { dataDir, files, log }: Pick<ClusterOptions, 'dataDir' | 'files' | 'log'>,
  ) {
    const { leases } = store
    this.#dataDir = dataDir
    this.#files = files
    this.#log = log
    this.#store = store
    this.#ownsStore = ownsStore
    this.#config = config
    this.#meta = meta
    this.image = new ClusterImage(meta.clusterId, config, leases !== undefined)
    this.#liveness =
      leases &&
      new Liveness({
        store,
        leases,
        image: this.image,
        directoryId: meta.directoryId,
        rack: config.get('broker.rack'),
        ttlMs: config.get('etcd.lease.ttl.ms'),
        log,
      })
    if (this.#liveness) this.#liveness.onFailed = (error) => this.onFailed?.(error)
    this.topics = new TopicChanges(store, this.image, config)
    this.removal = new BrokerRemoval(store, this.image, config)
    this.elections = new LeaderElections(store, this.image)
    this.reassignments = new ReassignmentChanges(store, this.image)
    this.isrWriter = new StoreIsrWriter(store, this.image)
    this.leadership = new LeadershipCheck(store, this.image)
    this.brokerSettings = new BrokerSettingsChanges(store, this.image, config)
  }

  /**
   * A data folder of Kafka's is taken over on the first start. Throws ConfigError where the folder belongs to another
   * node, KafkaFolderError where it is Kafka's and cannot be taken over.
   */
  static async open({
    dataDir,
    config,
    files,
    openLog,
    log,
    endpoints = [],
    store: shared,
  }: ClusterOptions): Promise<Cluster> {
    await checkMetadataHome(dataDir, shared !== undefined)
    const sharedId = shared && (await sharedClusterId(shared, (await ownerOf(files, dataDir))?.clusterId))
    const meta = await loadMetaProperties(files, dataDir, config.get('node.id'), sharedId)
    const own = shared ? undefined : await openOwnMetadata({ dataDir, config, openLog, log, meta })
    const cluster = new Cluster(shared ?? own!, own !== undefined, config, meta, { dataDir, files, log })
    try {
      if (shared) await cluster.#rememberStore()
      await cluster.#start(endpoints, (await readCleanStop(files, dataDir)) !== undefined)
    } catch (error) {
      cluster.#watch?.close()
      await own?.close()
      throw error
    }
    return cluster
  }

  get clusterId(): string {
    return this.#meta.clusterId
  }

  get nodeId(): number {
    return this.#meta.nodeId
  }

  get directoryId(): string {
    return this.#meta.directoryId
  }

  /** It has its metadata to itself: no other broker can come. */
  get isAlone(): boolean {
    return this.#ownsStore
  }

  /**
   * True where other brokers may have taken over what this one leads: then nothing is acknowledged that could be lost.
   */
  get isFenced(): boolean {
    return this.#liveness !== undefined && !this.#liveness.isLeased
  }

  /** Rises with every start; −1 where this broker was unregistered. */
  get brokerEpoch(): number {
    return this.image.brokers.get(this.nodeId)?.brokerEpoch ?? NO_EPOCH
  }

  /** Tells the cluster where clients reach this broker. */
  async advertise(endpoints: readonly BrokerEndpoint[]): Promise<void> {
    if (this.#liveness) {
      await this.#takePart(this.#liveness, endpoints)
      return
    }
    const { brokerEpoch, endpoints: known } = this.image.brokers.get(this.nodeId)!
    if (JSON.stringify(known) === JSON.stringify(endpoints)) return
    await this.#register(brokerEpoch, endpoints)
  }

  allocateProducerIds(): Promise<ProducerIdBlock> {
    return allocateProducerIds(this.#store)
  }

  /** Takes this broker out of a partition's ISR, where others are in it and a controller can have one of them lead. */
  async leaveIsr(topicId: string, partition: number): Promise<void> {
    if (this.#liveness) await leaveIsr(this.#store, this.image, topicId, partition)
  }

  /** Has other brokers take over what this one leads, as far as they can; for a stop that clients hardly see. */
  async leave(): Promise<void> {
    await this.#liveness?.leave()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#peers?.close()
    await this.#balancer?.close()
    await this.#liveness?.close()
    await this.#controller?.close()
    this.#watch?.close()
    if (this.#ownsStore) await this.#store.close()
    else await markShared(this.#files, this.#dataDir, this.image.revision)
  }

  /** What the folder's broker has seen of a shared store must be there at its next start. */
  async #rememberStore(): Promise<void> {
    const { revision } = await this.#store.range(CLUSTER_ID_KEY)
    await checkRevision(this.#dataDir, revision)
    await markShared(this.#files, this.#dataDir, revision)
  }

  async #start(endpoints: readonly BrokerEndpoint[], wasCleanlyStopped: boolean): Promise<void> {
    if (this.#liveness) await this.#liveness.register(wasCleanlyStopped)
    else await this.#registerAlone(endpoints)
    const { entries, revision } = await this.#store.range('')
    // In the order of keys a topic comes behind its partitions.
    for (const puts of chunksOf(entries, ENTRIES_AT_ONCE)) {
      this.image.apply({ revision, puts, deletes: [] })
      await setImmediate()
    }
    if (this.#liveness) checkSharedListener(parseListeners(this.#config).interBroker, this.#otherBrokers)
    this.#follow(revision)
  }

  get #otherBrokers(): BrokerImage[] {
    return this.image.liveBrokers.filter(({ id }) => id !== this.nodeId)
  }

  async #registerAlone(endpoints: readonly BrokerEndpoint[]): Promise<void> {
    const before = await this.#store.get(brokerKey(this.nodeId))
    const starts = before === undefined ? 0 : (JSON.parse(before.value) as BrokerValue).brokerEpoch
    await this.#register(starts + 1, endpoints)
  }

  async #takePart(liveness: Liveness, endpoints: readonly BrokerEndpoint[]): Promise<void> {
    const controller = new Controller(this.#store, this.image, liveness, this.#log)
    this.#controller = controller
    liveness.onLeased = () => controller.look()
    this.#balancer = new LeaderBalancer(
      this.elections,
      this.image,
      this.#config,
      () => controller.isActive,
      this.#log,
    )
    const listenerName = parseListeners(this.#config).interBroker
    await checkAdvertised(endpoints, listenerName, this.#otherBrokers)
    this.#peers = new PeerConnections(this.image, this.#store.leases!, listenerName, this.#log)
    await liveness.join(endpoints)
  }

  #follow(revision: number): void {
    this.#watch = this.#store.watch(
      '',
      revision,
      (change) => this.image.apply(change),
      (error) => void this.#readAgain(error),
    )
  }

  /** The changes since the last one seen are gone: what is there now is taken instead. */
  async #readAgain(reason: MetadataCompactedError): Promise<void> {
    this.#log.warn({ err: reason }, 'the metadata is read anew')
    while (!this.#closed) {
      try {
        const { entries, revision } = await this.#store.range('')
        if (this.#closed) return
        this.image.replace(entries, revision)
        this.#follow(revision)
        return
      } catch (error) {
        this.#log.warn({ err: error }, 'the metadata cannot be read')
        await sleep(READ_PAUSE_MS)
      }
    }
  }

  async #register(brokerEpoch: number, endpoints: readonly BrokerEndpoint[]): Promise<void> {
    const rack = this.#config.get('broker.rack')
    const value: BrokerValue = { brokerEpoch, directoryId: this.directoryId, rack, endpoints }
    await this.#store.txn({ puts: [{ key: brokerKey(this.nodeId), value: JSON.stringify(value) }] })
  }
}

/** The id of the cluster that the brokers of a store form: the first of them makes it, with a new folder. */
async function sharedClusterId(store: MetadataStore, ownId: string | undefined): Promise<string> {
  for (;;) {
    // In this order: an import writes both keys at once.
    const known = await store.get(CLUSTER_ID_KEY)
    const importing = await store.get(IMPORT_KEY)
    if (importing) {
      const { nodeId, clusterId } = JSON.parse(importing.value) as ImportValue
      throw new ConfigError(
        'INVALID_VALUE',
        `the metadata of broker ${nodeId} (cluster ${clusterId}) is being moved into etcd: wait for 'odradek cluster import', or run it again where it was broken off`,
        'etcd.endpoints',
      )
    }
    if (known) return known.value
    if (ownId !== undefined) {
      throw new ConfigError(
        'INVALID_VALUE',
        `the data folder belongs to cluster ${ownId}, of which etcd has nothing below etcd.prefix: check both, or choose another folder`,
        'etcd.prefix',
      )
    }
    await store.txn({
      compares: [
        { key: CLUSTER_ID_KEY, modRevision: 0 },
        { key: IMPORT_KEY, modRevision: 0 },
      ],
      puts: [{ key: CLUSTER_ID_KEY, value: randomUuid() }],
    })
  }
}
