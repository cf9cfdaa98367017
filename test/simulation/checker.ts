/**
 * What must hold at every step of a schedule, whatever happened. It looks at disks, at the store and at what brokers
 * told their clients; it asks the brokers' code nothing but who leads and how far it calls its log committed.
 */

import { isReassigning } from '../../lib/cluster/image/reassignment.js'
import type { MetadataChange } from '../../lib/cluster/index.js'
import type { PartitionValue } from '../../lib/cluster/store/metadata-keys.js'
import type { Partition } from '../../lib/replica/index.js'
import type { SimulatedBroker } from './simulated-broker.js'
import { dataDir } from './simulated-broker.js'
import type { DiskObserver, StoredBatch, StoredLog, VirtualDisk } from './virtual-disk.js'
import type { VirtualStore } from './virtual-store.js'

export interface CheckerOptions {
  readonly topic: string
  readonly partitions: number
  /** acks=all promises page caches alone. */
  readonly isCached: boolean
  readonly minInsyncReplicas: number
}

/** A record by who wrote it: the producer and its sequence number. */
export type RecordId = number

export const recordId = (producerId: number, sequence: number): RecordId => producerId * 1_000_000 + sequence

interface Acknowledged {
  readonly offset: number
  readonly id: RecordId
}

class PartitionFacts {
  /** Who led in which epoch. */
  readonly leaders = new Map<number, number>()
  /** By offset and epoch: the record, and the epoch of the one before it. */
  readonly records = new Map<string, { id: RecordId; before: number }>()
  /** By offset: the epoch of what a leader called committed, and that leader's own. */
  readonly committed = new Map<number, { epoch: number; leaderEpoch: number }>()
  readonly acknowledged: Acknowledged[] = []
  /** What a power cut may have taken: a leader that has not heard of that may call it committed still. */
  readonly forgiven = new Set<RecordId>()
  /** By offset: what consumers have read. */
  readonly seen = new Map<number, RecordId>()
  /** How far each leader had come when it was looked at last. */
  readonly watermarks = new Map<string, number>()
  /** As the store holds it. */
  state: Pick<PartitionValue, 'replicas' | 'isr' | 'addingReplicas' | 'removingReplicas'> = {
    replicas: [],
    isr: [],
  }
  /** DeleteRecords was asked for up to here: what lies below may be gone anywhere. */
  deletedBelow = 0
}

export class Checker implements DiskObserver {
  readonly violations: string[] = []
  acknowledged = 0
  elections = 0
  cuts = 0
  readonly #options: CheckerOptions
  readonly #store: () => VirtualStore
  readonly #disks: ReadonlyMap<number, VirtualDisk>
  readonly #trace: (line: string) => void
  readonly #facts: PartitionFacts[]

  constructor(
    options: CheckerOptions,
    store: () => VirtualStore,
    disks: ReadonlyMap<number, VirtualDisk>,
    trace: (line: string) => void,
  ) {
    this.#options = options
    this.#store = store
    this.#disks = disks
    this.#trace = trace
    this.#facts = Array.from({ length: options.partitions }, () => new PartitionFacts())
  }

  fault(what: string): void {
    this.violations.push(what)
    this.#trace(`VIOLATION ${what}`)
  }

  /** Two logs that have a record with the same offset and epoch have the same record, and the same one before it. */
  appended(disk: VirtualDisk, path: string, batch: StoredBatch): void {
    const partition = this.#partitionOf(path)
    if (partition < 0) return
    const facts = this.#facts[partition]!
    const log = disk.logs.get(path)!
    const { baseOffset, lastOffset, epoch, producerId, baseSequence } = batch
    const previous = log.batches.at(-2)
    let before = previous ? previous.epoch : -2
    if (previous && previous.epoch > epoch)
      this.fault(`${path} of ${disk.host.name}: epoch ${epoch} follows ${previous.epoch} at ${baseOffset}`)
    for (let offset = baseOffset; offset <= lastOffset; offset++) {
      const id = recordId(producerId, baseSequence + offset - baseOffset)
      const key = `${offset}/${epoch}`
      const known = facts.records.get(key)
      if (known && known.id !== id) this.fault(`${path}: ${key} is ${known.id} and ${id} (${disk.host.name})`)
      if (known && known.before >= 0 && before >= 0 && known.before !== before)
        this.fault(`${path}: ${key} follows epoch ${known.before} and epoch ${before} (${disk.host.name})`)
      if (!known || known.before < 0) facts.records.set(key, { id, before })
      before = epoch
    }
    this.#trace(
      `append ${disk.host.name} ${path} ${baseOffset}-${lastOffset} e${epoch} p${producerId}:${baseSequence}`,
    )
  }

  cut(disk: VirtualDisk, path: string, endOffset: number, byPowerCut: boolean): void {
    const partition = this.#partitionOf(path)
    if (partition < 0) return
    this.cuts++
    this.#trace(`cut ${disk.host.name} ${path} at ${endOffset}${byPowerCut ? ' by a power cut' : ''}`)
    const facts = this.#facts[partition]!
    if (byPowerCut) this.#forgive(facts, endOffset)
    const node = this.#nodeOf(disk)
    if (facts.state.isr.includes(node)) this.#requireAcknowledged(partition, node, 'cut its log')
  }

  /** After each step of a broker: who leads, in which epoch, and what it calls committed. */
  look(broker: SimulatedBroker): void {
    const { replicas } = broker
    if (!replicas) return
    for (const partition of replicas) if (partition.isLeader) this.#lookAtLeader(broker, partition)
  }

  storeChanged({ puts }: MetadataChange): void {
    for (const { key, value } of puts) {
      const [folder, , index] = key.split('/')
      if (folder !== 'partitions') continue
      const partition = Number(index)
      const state = JSON.parse(value) as PartitionValue
      this.#trace(
        `store ${partition}: leader ${state.leader} e${state.leaderEpoch} isr ${state.isr} of ${state.replicas}`,
      )
      const facts = this.#facts[partition]!
      facts.state = state
      const { leader, replicas, isr } = state
      if (isr.length === 0) this.fault(`partition ${partition} has no in-sync replica`)
      if (isr.some((id) => !replicas.includes(id)) || (leader >= 0 && !isr.includes(leader)))
        this.fault(`partition ${partition} is led by ${leader} of ${isr} of ${replicas}`)
      for (const node of state.isr) this.#requireAcknowledged(partition, node, 'is in the ISR')
    }
  }

  /** A broker has told a producer that its records are safe. */
  producerTold(broker: SimulatedBroker, partition: number, offset: number, ids: readonly RecordId[]): void {
    this.acknowledged += ids.length
    this.#trace(`${broker.host.name} acknowledged ${partition} ${offset} ${ids}`)
    const facts = this.#facts[partition]!
    for (const [index, id] of ids.entries()) facts.acknowledged.push({ offset: offset + index, id })
    for (const node of facts.state.isr)
      this.#requireAcknowledged(partition, node, 'is in the ISR', ids.length)
    if (facts.state.isr.length < this.#options.minInsyncReplicas) {
      const safe = [...this.#disks.keys()].filter((node) => this.#hasSafe(partition, node, offset, ids[0]!))
      if (safe.length < this.#options.minInsyncReplicas)
        this.fault(`${partition} ${offset} was acknowledged, and is safe at ${safe.length} replicas alone`)
    }
    if (!this.#store().entries.has(`live/${broker.nodeId}`))
      this.fault(`broker ${broker.nodeId} acknowledged ${partition} ${offset} without a lease`)
  }

  recordsDeleted(partition: number, below: number): void {
    const facts = this.#facts[partition]!
    facts.deletedBelow = Math.max(facts.deletedBelow, below)
  }

  consumerRead(partition: number, offset: number, id: RecordId): void {
    const { seen, forgiven } = this.#facts[partition]!
    const before = seen.get(offset)
    if (before !== undefined && before !== id) {
      this.fault(`a consumer read ${before} at ${partition} ${offset}, and now ${id}`)
    }
    if (!forgiven.has(id)) seen.set(offset, id)
  }

  /** Undefined where all replicas have the same, and all of it is committed. */
  difference(brokers: readonly SimulatedBroker[], partition: number): string | undefined {
    const facts = this.#facts[partition]!
    const { replicas } = facts.state
    if (isReassigning(facts.state)) return `the replicas of partition ${partition} still change`
    if (facts.state.isr.length < replicas.length)
      return `partition ${partition} has the ISR ${facts.state.isr}`
    const ends = replicas.map((node) => this.#log(node, partition)?.endOffset ?? -1)
    if (new Set(ends).size > 1) return `partition ${partition} ends at ${ends}`
    const leader = brokers
      .map((broker) => broker.replicas?.find(this.#options.topic, partition))
      .find((each) => each?.isLeader)
    if (!leader) return `partition ${partition} has no leader`
    if (leader.highWatermark !== ends[0])
      return `partition ${partition} is committed up to ${leader.highWatermark} of ${ends[0]}`
    return undefined
  }

  /** At the end, with all replicas in sync: the logs hold all that was promised, once, and in order. */
  conclude(partition: number): void {
    const facts = this.#facts[partition]!
    const { replicas } = facts.state
    const [first, ...others] = replicas.map((node) => this.#contents(node, partition))
    for (const other of others) {
      for (const [offset, { id, epoch }] of first!) {
        const theirs = other.get(offset)
        if (theirs && (theirs.id !== id || theirs.epoch !== epoch))
          this.fault(`partition ${partition}: replicas differ at ${offset}`)
      }
    }
    for (const [offset, id] of facts.seen) {
      if (offset >= facts.deletedBelow && first!.get(offset)?.id !== id)
        this.fault(`partition ${partition}: ${id} was read at ${offset}, and is gone`)
    }
    for (const node of replicas) this.#requireAcknowledged(partition, node, 'has settled')
    const next = new Map<number, number>()
    for (const [offset, { id }] of first!) {
      const producer = Math.floor(id / 1_000_000)
      const sequence = id % 1_000_000
      const expected = next.get(producer) ?? (facts.deletedBelow > 0 ? sequence : 0)
      if (sequence !== expected)
        this.fault(`partition ${partition}: at ${offset} stands ${producer}:${sequence}, not ${expected}`)
      next.set(producer, sequence + 1)
    }
  }

  #lookAtLeader(broker: SimulatedBroker, { partition, leaderEpoch, highWatermark }: Partition): void {
    const facts = this.#facts[partition]!
    const { nodeId } = broker
    const known = facts.leaders.get(leaderEpoch)
    const who = `${nodeId}/${broker.host.generation}/${leaderEpoch}`
    if (known === undefined) {
      this.elections++
      this.#trace(`leader ${partition} e${leaderEpoch} is ${nodeId}`)
      facts.leaders.set(leaderEpoch, nodeId)
    } else if (known !== nodeId) {
      this.fault(`partition ${partition}: ${known} and ${nodeId} lead in epoch ${leaderEpoch}`)
    }
    const before = facts.watermarks.get(who)
    if (before === undefined) this.#requireCommitted(nodeId, partition, leaderEpoch, facts)
    if (before === highWatermark) return
    if (before !== undefined && highWatermark < before)
      this.fault(`partition ${partition}: the watermark of ${nodeId} went from ${before} to ${highWatermark}`)
    facts.watermarks.set(who, highWatermark)
    const log = this.#log(nodeId, partition)
    if (!log) return
    for (let index = log.indexOf(before ?? 0); index < log.batches.length; index++) {
      const { baseOffset, lastOffset, epoch, producerId, baseSequence } = log.batches[index]!
      if (baseOffset >= highWatermark) break
      for (let offset = baseOffset; offset <= Math.min(lastOffset, highWatermark - 1); offset++) {
        const committed = facts.committed.get(offset)
        if (committed && committed.epoch !== epoch)
          this.fault(
            `partition ${partition}: ${offset} was committed in epoch ${committed.epoch} and ${epoch} (${nodeId})`,
          )
        if (!committed && !facts.forgiven.has(recordId(producerId, baseSequence + offset - baseOffset)))
          facts.committed.set(offset, { epoch, leaderEpoch })
      }
    }
  }

  /** Who begins to lead has all that was committed in earlier epochs. */
  #requireCommitted(node: number, partition: number, ownEpoch: number, facts: PartitionFacts): void {
    const log = this.#log(node, partition)
    if (!log) return
    for (const [offset, { epoch, leaderEpoch }] of facts.committed) {
      if (offset < facts.deletedBelow || leaderEpoch >= ownEpoch) continue
      const batch = log.batches[log.indexOf(offset)]
      if (batch && batch.baseOffset <= offset && batch.epoch === epoch) continue
      this.fault(`partition ${partition}: ${node} leads without ${offset} of epoch ${epoch}`)
      return
    }
  }

  /** Every member of the ISR has all that was acknowledged: on its disk, with `write.caching` in its page cache. */
  #requireAcknowledged(
    partition: number,
    node: number,
    why: string,
    newest = Number.POSITIVE_INFINITY,
  ): void {
    const { acknowledged } = this.#facts[partition]!
    const from = Math.max(0, acknowledged.length - newest)
    for (let index = from; index < acknowledged.length; index++) {
      const { offset, id } = acknowledged[index]!
      if (this.#hasSafe(partition, node, offset, id)) continue
      this.fault(
        `partition ${partition}: broker ${node} ${why} and lacks ${id} at ${offset}, which was acknowledged`,
      )
      return
    }
  }

  #hasSafe(partition: number, node: number, offset: number, id: RecordId): boolean {
    if (offset < this.#facts[partition]!.deletedBelow) return true
    const log = this.#log(node, partition)
    if (!log) return false
    if (!this.#options.isCached && offset >= log.flushedOffset) return false
    const batch = log.batches[log.indexOf(offset)]
    if (!batch || batch.baseOffset > offset) return false
    return recordId(batch.producerId, batch.baseSequence + offset - batch.baseOffset) === id
  }

  /** A power cut may take what was seen and not acknowledged. */
  #forgive({ acknowledged, committed, seen, records, forgiven }: PartitionFacts, endOffset: number): void {
    const promised = new Set(acknowledged.map(({ offset }) => offset))
    const isForgiven = (offset: number) => offset >= endOffset && !promised.has(offset)
    for (const map of [committed, seen]) {
      for (const offset of map.keys()) if (isForgiven(offset)) map.delete(offset)
    }
    for (const [key, { id }] of records) if (isForgiven(Number.parseInt(key, 10))) forgiven.add(id)
  }

  #contents(node: number, partition: number): Map<number, { id: RecordId; epoch: number }> {
    const found = new Map<number, { id: RecordId; epoch: number }>()
    for (const batch of this.#log(node, partition)?.batches ?? []) {
      for (let offset = batch.baseOffset; offset <= batch.lastOffset; offset++) {
        const id = recordId(batch.producerId, batch.baseSequence + offset - batch.baseOffset)
        found.set(offset, { id, epoch: batch.epoch })
      }
    }
    return found
  }

  #log(node: number, partition: number): StoredLog | undefined {
    return this.#disks.get(node)?.logs.get(`${dataDir}/${this.#options.topic}-${partition}`)
  }

  #partitionOf(path: string): number {
    const prefix = `${dataDir}/${this.#options.topic}-`
    const rest = path.startsWith(prefix) ? path.slice(prefix.length) : ''
    // What is behind a point is a folder that is gone, or set aside.
    return rest === '' || rest.includes('.') ? -1 : Number(rest)
  }

  #nodeOf(disk: VirtualDisk): number {
    for (const [node, each] of this.#disks) if (each === disk) return node
    return -1
  }
}
