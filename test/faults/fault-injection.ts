/** Carries out a schedule on a cluster, and makes everything well again in the end. */
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../support/random.js'
import { FaultCluster } from './fault-cluster.js'
import type { FaultLink } from './fault-link.js'
import { type LinkEnds, linksToOthers, longMs, type Schedule, type ScheduledFault } from './fault-schedule.js'
import type { History } from './history.js'
import { electPreferredLeaders, reassign } from './replica-plan.js'

const directions = ['forth', 'back'] as const

export class FaultInjection {
  readonly #cluster: FaultCluster
  readonly #random: Random
  readonly #history: History

  /** `random` decides what disks keep. */
  constructor(cluster: FaultCluster, random: Random, history: History) {
    this.#cluster = cluster
    this.#random = random
    this.#history = history
  }

  /** Resolves when all of it has been, and was mended. */
  async run({ faults, lengthMs }: Schedule): Promise<void> {
    await Promise.all([
      delay(lengthMs),
      ...faults.map(async (fault) => {
        await delay(fault.atMs)
        await this.#inject(fault)
      }),
    ])
  }

  /** Every process runs, every link is well. */
  async heal(): Promise<void> {
    const cluster = this.#cluster
    for (const link of cluster.links) link.heal()
    for (const member of cluster.etcd.all) cluster.etcd.resume(member)
    await cluster.etcd.healthy()
    for (const id of FaultCluster.ids) {
      cluster.setDisk(id, {})
      cluster.resume(id)
    }
    await cluster.startAll()
  }

  async #inject(fault: ScheduledFault): Promise<void> {
    const cluster = this.#cluster
    const { forMs } = fault
    switch (fault.what) {
      case 'kill':
        await cluster.kill(fault.broker)
        await delay(forMs)
        await cluster.startBroker(fault.broker)
        return
      case 'pause':
        cluster.pause(fault.broker)
        await delay(forMs)
        cluster.resume(fault.broker)
        return
      case 'power cut':
        if (fault.syncDelayMs > 0) {
          for (const id of fault.brokers) cluster.setDisk(id, { syncDelayMs: fault.syncDelayMs })
          await delay(5 * fault.syncDelayMs)
        }
        await this.#cutPower(fault.brokers)
        await delay(forMs)
        await Promise.all(fault.brokers.map((id) => cluster.startBroker(id)))
        return
      case 'cut off':
        await this.#cutOff(fault)
        return
      case 'rolling restart':
        for (const id of FaultCluster.ids) {
          if (!(await cluster.stop(id))) cluster.accidents.push(`broker ${id} does not stop`)
          await cluster.startBroker(id)
        }
        return
      case 'reassignment':
        await reassign(cluster, fault.topic, fault.partition, fault.replicas)
        await delay(forMs)
        await reassign(cluster, fault.topic, fault.partition, FaultCluster.ids)
        return
      case 'preferred leaders':
        await electPreferredLeaders(cluster)
        return
      case 'slow fsync':
        cluster.setDisk(fault.broker, { syncDelayMs: fault.delayMs })
        await delay(forMs)
        cluster.setDisk(fault.broker, {})
        return
      case 'failing disk':
        cluster.setDisk(fault.broker, { failing: { path: fault.path, errno: constants.errno.EIO } })
        await delay(forMs)
        // What has failed stays so until the next start.
        await cluster.kill(fault.broker)
        await cluster.startBroker(fault.broker)
        return
      case 'partition': {
        const links = fault.links.flatMap((ends) => this.#linksOf(ends))
        for (const link of links) {
          for (const direction of fault.directions) link.set(direction, { silent: fault.silent })
        }
        await delay(forMs)
        for (const link of links) link.heal()
        return
      }
      case 'slow links': {
        const { delayMs, bytesPerSecond } = fault
        const links = fault.links.flatMap((ends) => this.#linksOf(ends))
        for (const link of links) {
          for (const direction of directions) {
            link.set(direction, { delayMs, ...(bytesPerSecond !== null && { bytesPerSecond }) })
          }
        }
        await delay(forMs)
        for (const link of links) link.heal()
        return
      }
      case 'cut connections': {
        const { direction, bytes, how } = fault
        for (const ends of fault.links) {
          for (const link of this.#linksOf(ends)) link.cut(how, { direction, bytes })
        }
        return
      }
      case 'etcd leader': {
        const { etcd } = cluster
        const member = await etcd.leader()
        if (fault.how === 'kill') await etcd.kill(member)
        else etcd.pause(member)
        await delay(forMs)
        etcd.resume(member)
        return
      }
    }
  }

  async #cutOff({
    broker,
    aloneMs,
    then,
    forMs,
  }: Extract<ScheduledFault, { what: 'cut off' }>): Promise<void> {
    const cluster = this.#cluster
    const ends = linksToOthers(broker)
    if (then === 'unlease') ends.push({ from: broker, to: 'etcd' })
    const links = ends.flatMap((each) => this.#linksOf(each))
    for (const link of links) for (const direction of directions) link.set(direction, { silent: 'hold' })
    await delay(then === 'unlease' ? longMs + aloneMs : aloneMs)
    if (then === 'kill') await cluster.kill(broker)
    if (then === 'power cut') await this.#cutPower([broker])
    for (const link of links) link.heal()
    if (then === 'unlease') return
    await delay(forMs)
    await cluster.startBroker(broker)
  }

  async #cutPower(brokers: readonly number[]): Promise<void> {
    await this.#cluster.cutPower(brokers, this.#random)
    this.#history.powerCutsAtMs.push(performance.now())
  }

  #linksOf({ from, to }: LinkEnds): FaultLink[] {
    const cluster = this.#cluster
    if (to !== 'etcd') return [cluster.link(from, to)]
    return cluster.etcd.all.map((member) => cluster.etcdLink(from as number, member))
  }
}
