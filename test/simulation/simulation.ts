/**
 * One schedule: a cluster of real state machines on virtual machines, everything that happens to it drawn from one
 * seed, and a checker that looks at every step. The same seed gives the same history.
 */
import { createHash } from 'node:crypto'
import type { Cluster } from '../../lib/cluster/index.js'
import { BatchHeader, ErrorCode, type RequestOf, type ResponseOf } from '../../lib/protocol/index.js'
import { Random } from '../support/random.js'
import { Checker, recordId } from './checker.js'
import { Consumer, Producer } from './clients.js'
import { SimulatedBroker } from './simulated-broker.js'
import { VirtualDisk } from './virtual-disk.js'
import { VirtualNetwork } from './virtual-network.js'
import { type StoreWeather, VirtualStore } from './virtual-store.js'
import { Host, VirtualTime } from './virtual-time.js'
import { drawPlan, type Plan, type PlannedEvent } from './weather.js'
import { happen, type Machine, type World } from './world-events.js'

export interface ScheduleResult {
  readonly seed: number
  readonly violations: readonly string[]
  readonly steps: number
  readonly virtualMs: number
  readonly acknowledged: number
  readonly elections: number
  readonly cuts: number
  readonly events: number
  /** Of the whole history. */
  readonly digest: string
  readonly trace: readonly string[]
}

export interface ScheduleOptions {
  /** Every step is told in the result. */
  readonly keepTrace?: boolean
  /** Changes what was drawn. */
  readonly adjust?: (plan: Plan) => Plan
}

const replicationFactor = 3
/** How long a cluster in fair weather may take to be whole. */
const settleMs = 60_000
const startMs = 30_000
const lookEveryMs = 100
const fairStore: StoreWeather = { loss: 0, delay: 0, watchDelay: 0, watchDelayMs: 0 }

/** Runs the schedule of a seed. One at a time in a process. */
export function runSchedule(seed: number, options: ScheduleOptions = {}): Promise<ScheduleResult> {
  return new Simulation(seed, options).run()
}

class Simulation implements World {
  readonly #seed: number
  readonly plan: Plan
  readonly topic = 'orders'
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly store: VirtualStore
  readonly #checker: Checker
  readonly #system = new Host('system')
  readonly clients = new Host('clients')
  readonly machines = new Map<number, Machine>()
  readonly #brokers = new Map<Host, SimulatedBroker>()
  readonly #trace: string[] = []
  readonly #keepTrace: boolean
  readonly #digest = createHash('md5')
  #pending = ''
  #isCalm = false

  constructor(seed: number, { keepTrace = false, adjust = (plan) => plan }: ScheduleOptions) {
    this.#seed = seed
    this.#keepTrace = keepTrace
    this.plan = adjust(drawPlan(new Random(seed)))
    this.time = new VirtualTime(new Random(seed + 0x5bd1e995))
    this.time.latenessMs = this.plan.latenessMs
    this.network = new VirtualNetwork(this.time, { ...this.plan.link }, this.#system)
    const storeHost = new Host('store')
    this.store = new VirtualStore(this.time, this.network, storeHost, { ...fairStore })
    const { partitions, isCached, minInsyncReplicas, nodeIds } = this.plan
    const disks = new Map<number, VirtualDisk>()
    this.#checker = new Checker(
      { topic: this.topic, partitions, isCached, minInsyncReplicas },
      () => this.store,
      disks,
      (line) => this.#note(line),
    )
    for (const id of nodeIds) {
      const host = new Host(`broker-${id}`)
      const disk = new VirtualDisk(this.time, host, { ...this.plan.disk }, this.#checker)
      disks.set(id, disk)
      this.machines.set(id, { id, host, disk, broker: undefined })
    }
    this.store.onChange = (change) => this.#checker.storeChanged(change)
    this.time.onStep = (step) => {
      if (this.#keepTrace) this.#note(`${step.host.name} ${step.what}`)
      const broker = this.#brokers.get(step.host)
      if (broker) this.#checker.look(broker)
    }
  }

  async run(): Promise<ScheduleResult> {
    const uninstall = this.time.install()
    const onRejection = (reason: unknown) =>
      this.#checker.fault(`unhandled rejection: ${(reason as Error)?.stack ?? reason}`)
    process.on('unhandledRejection', onRejection)
    try {
      await this.#play()
    } finally {
      process.off('unhandledRejection', onRejection)
      uninstall()
    }
    const { violations, acknowledged, elections, cuts } = this.#checker
    this.#digest.update(this.#pending)
    return {
      seed: this.#seed,
      violations,
      steps: this.time.steps,
      virtualMs: Math.round(this.time.now),
      acknowledged,
      elections,
      cuts,
      events: this.plan.events.length,
      digest: this.#digest.update(`${this.time.steps} ${this.time.now}`).digest('hex'),
      trace: this.#trace,
    }
  }

  async #play(): Promise<void> {
    const { nodeIds, events, endMs, produceEveryMs, partitions } = this.plan
    for (const id of nodeIds) this.#start(id)
    if (!(await this.#createTopic())) return
    Object.assign(this.store.weather, this.plan.store)
    let isOver = false
    const around = {
      time: this.time,
      network: this.network,
      checker: this.#checker,
      topic: this.topic,
      nodeIds,
      broker: (id: number) => this.machines.get(id)?.broker,
      hostOf: (address: string) => this.#hostOf(address),
    }
    let writing = partitions
    for (let partition = 0; partition < partitions; partition++) {
      this.time.schedule(this.clients, 0, 'client', () => {
        void new Producer(around, partition).run(produceEveryMs, () => isOver).then(() => writing--)
        void new Consumer(around, partition).run(100, () => isOver)
      })
    }
    const begin = this.time.now
    for (const event of events) this.after(event.at, () => this.#happen(event))
    if (await this.#runUntil(begin + endMs, () => this.#isBroken)) return
    this.#calm()
    await this.#runUntil(this.time.now + 200, () => this.#isBroken)
    isOver = true
    const deadline = this.time.now + settleMs
    let difference: string | undefined = 'not looked at'
    while (this.time.now < deadline && difference !== undefined && !this.#isBroken) {
      await this.#runUntil(this.time.now + lookEveryMs, () => this.#isBroken)
      difference = writing > 0 ? `${writing} producers wait` : this.#difference()
    }
    if (this.#isBroken) return
    if (difference !== undefined) this.#checker.fault(`the cluster does not settle: ${difference}`)
    else for (let partition = 0; partition < partitions; partition++) this.#checker.conclude(partition)
  }

  get #isBroken(): boolean {
    return this.#checker.violations.length > 0
  }

  #difference(): string | undefined {
    const brokers = [...this.machines.values()].flatMap(({ broker }) => broker ?? [])
    for (let partition = 0; partition < this.plan.partitions; partition++) {
      const difference = this.#checker.difference(brokers, partition)
      if (difference) return difference
    }
    return undefined
  }

  /** Steps are looked at one by one: what is broken is reported where it broke. */
  #runUntil(until: number, isOver: () => boolean): Promise<boolean> {
    return this.time.run(until, isOver)
  }

  /** Of a partition that is made. */
  #newReplicas(partition: number): number[] {
    const { nodeIds } = this.plan
    return Array.from(
      { length: replicationFactor },
      (_, index) => nodeIds[(partition + index) % nodeIds.length]!,
    )
  }

  async #createTopic(): Promise<boolean> {
    const { partitions, minInsyncReplicas, isCached } = this.plan
    let isCreated = false
    const attempt = () => {
      const topics = this.machines.get(1)!.broker?.cluster?.topics
      const creating = topics?.createTopic({
        name: this.topic,
        assignments: Array.from({ length: partitions }, (_, partition) => ({
          partition,
          brokerIds: this.#newReplicas(partition),
        })),
        configs: new Map([
          ['min.insync.replicas', String(minInsyncReplicas)],
          ['write.caching', String(isCached)],
          ['retention.ms', '-1'],
        ]),
      })
      if (!creating) return
      creating.then(
        () => {
          isCreated = true
        },
        () => {},
      )
    }
    while (!isCreated && this.time.now < startMs) {
      this.time.schedule(this.machines.get(1)!.host, 0, 'create topic', attempt)
      await this.#runUntil(this.time.now + 300, () => isCreated || this.#isBroken)
      isCreated ||= this.store.entries.has(`topics/${this.topic}`)
    }
    if (!isCreated) this.#checker.fault('the cluster does not come up')
    return isCreated
  }

  #start(id: number): void {
    const machine = this.machines.get(id)!
    const { host, disk } = machine
    if (host.isRunning || !this.network.isPowered(host)) return
    this.#note(`start ${id}`)
    host.isRunning = true
    disk.forgetWrites()
    const broker = new SimulatedBroker(id, host, disk, {
      time: this.time,
      network: this.network,
      store: this.store,
      hostOf: (address) => this.#hostOf(address),
      properties: this.plan.properties,
      onProduced: (...told) => this.#produced(...told),
    })
    machine.broker = broker
    this.#brokers.set(host, broker)
    this.time.schedule(host, 1, 'start', () => {
      broker.start().catch((error: Error) => {
        this.#note(`${id} does not start: ${error.message}`)
        this.after(0, () => {
          if (machine.broker !== broker) return
          this.#end(machine)
          this.after(500, () => this.#start(id))
        })
      })
    })
  }

  /** The process of a machine is gone, whatever it was at. REQUIRES: no step of it runs. */
  #end(machine: Machine): void {
    this.network.end(machine.host)
    this.time.end(machine.host)
    machine.broker = undefined
    this.#brokers.delete(machine.host)
  }

  after(ms: number, work: () => void): void {
    this.time.schedule(this.#system, ms, 'event', work)
  }

  #happen(event: PlannedEvent): void {
    if (this.#isCalm) return
    const { kind, node, other, durationMs } = event
    this.#note(`event ${kind} ${node} ${other} for ${Math.round(durationMs)} ms`)
    happen(this, event)
  }

  /** Each machine's process is gone, and of its logs what was not flushed. */
  cutPower(machines: readonly Machine[], durationMs: number): void {
    for (const machine of machines) {
      if (!this.network.isPowered(machine.host)) continue
      this.network.setPower(machine.host, false)
      if (machine.host.isRunning) this.#end(machine)
      machine.disk.cutPower()
      this.after(durationMs, () => {
        this.network.setPower(machine.host, true)
        this.#start(machine.id)
      })
    }
  }

  kill(machine: Machine, durationMs: number): void {
    if (machine.host.isRunning) this.#end(machine)
    this.after(durationMs, () => this.#start(machine.id))
  }

  /** As SIGTERM does; where it takes too long the process is killed. */
  stop(machine: Machine, durationMs: number): void {
    const { broker, host, id } = machine
    if (!broker || !host.isRunning) return
    const over = () => {
      if (machine.broker !== broker) return
      this.#end(machine)
      this.after(durationMs, () => this.#start(id))
    }
    const exit = () => this.after(0, over)
    this.time.schedule(host, 0, 'stop', () => {
      broker.stop().then(exit, exit)
    })
    this.after(8_000, over)
  }

  ask({ broker, host }: Machine, what: string, work: (cluster: Cluster) => Promise<unknown>): void {
    const { cluster } = broker ?? {}
    if (cluster) this.time.schedule(host, 0, what, () => void work(cluster).catch(() => {}))
  }

  deleteRecords(): void {
    const { random } = this.time
    const partition = random.below(this.plan.partitions)
    const leader = [...this.machines.values()]
      .map(({ broker }) => broker)
      .find((broker) => broker?.replicas?.find(this.topic, partition)?.isLeader)
    const highWatermark = leader?.replicas?.find(this.topic, partition)?.highWatermark ?? 0
    if (!leader || highWatermark === 0) return
    const offset = random.below(highWatermark + 1)
    this.#checker.recordsDeleted(partition, offset)
    const topics = [{ name: this.topic, partitions: [{ partitionIndex: partition, offset }] }]
    this.time.schedule(this.clients, 0, 'delete records', () => {
      this.network
        .dial(leader.host, 1_000)
        .then((connection) => connection.request('DeleteRecords', { topics, timeoutMs: 1_000 }, 2_000))
        .catch(() => {})
    })
  }

  /** Everything works from here on. */
  #calm(): void {
    this.#note('calm')
    this.#isCalm = true
    Object.assign(this.store.weather, fairStore)
    this.network.mendAll()
    this.time.latenessMs = 1
    for (const { id, host, disk } of this.machines.values()) {
      this.network.setPower(host, true)
      disk.speed.flushMs = Math.min(this.plan.disk.flushMs, 3)
      this.time.resume(host, 0)
      this.#start(id)
    }
  }

  #hostOf(address: string): Host {
    return this.machines.get(Number(address.slice('broker-'.length)))!.host
  }

  #produced(broker: SimulatedBroker, request: RequestOf<'Produce'>, answer: ResponseOf<'Produce'>): void {
    const { errorCode, baseOffset, index } = answer.responses[0]!.partitionResponses[0]!
    if (errorCode !== ErrorCode.NONE) return
    const header = new BatchHeader(request.topicData[0]!.partitionData[0]!.records as Uint8Array)
    const ids = Array.from({ length: header.lastOffsetDelta + 1 }, (_, at) =>
      recordId(Number(header.producerId), header.baseSequence + at),
    )
    this.#checker.producerTold(broker, index, Number(baseOffset), ids)
  }

  #note(what: string): void {
    const line = `${this.time.now.toFixed(4)} ${what}\n`
    this.#pending += line
    if (this.#keepTrace) this.#trace.push(line.trimEnd())
    if (this.#pending.length < 1 << 16) return
    this.#digest.update(this.#pending)
    this.#pending = ''
  }
}
