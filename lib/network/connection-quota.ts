/** Counts connections, over all listeners and by address, against `max.connections` and its kin. */

import type { NetworkLimits } from './limits.js'

export class ConnectionQuota {
  readonly #limits: NetworkLimits
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(limits: NetworkLimits) {
    this.#limits = limits
  }

  get total(): number {
    return this.#total
  }

  /** Undefined when the connection is let in (and counted, until `leave`), else the setting that refuses it. */
  enter(address: string): string | undefined {
    const { maxConnections, maxConnectionsPerIp, maxConnectionsPerIpOverrides } = this.#limits
    if (this.#total >= maxConnections) return 'max.connections'
    const count = this.#byAddress.get(address) ?? 0
    const override = maxConnectionsPerIpOverrides.get(address)
    if (count >= (override ?? maxConnectionsPerIp)) {
      return override === undefined ? 'max.connections.per.ip' : 'max.connections.per.ip.overrides'
    }
    this.#byAddress.set(address, count + 1)
    this.#total++
    return undefined
  }

  leave(address: string): void {
    this.#total--
    const count = this.#byAddress.get(address)! - 1
    if (count === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, count)
  }
}
