/** A metadata store with leases that end only when they are revoked: brokers over it have a controller. */
import type { MetadataLeases, MetadataStore } from '../../lib/cluster/index.js'

export function withLeases(store: MetadataStore): MetadataStore {
  const keysOf = new Map<string, Set<string>>()
  let granted = 0
  const leases: MetadataLeases = {
    async grant(ttlMs) {
      const id = String(++granted)
      keysOf.set(id, new Set())
      return { id, ttlMs }
    },
    keepAlive: async (id) => keysOf.has(id),
    async revoke(id) {
      const keys = keysOf.get(id)
      keysOf.delete(id)
      if (keys && keys.size > 0) await store.txn({ deletes: [...keys] })
    },
  }
  return {
    leases,
    maxTxnOperations: store.maxTxnOperations,
    get: (key) => store.get(key),
    range: (prefix) => store.range(prefix),
    watch: (...args) => store.watch(...args),
    close: () => store.close(),
    async txn(txn) {
      const result = await store.txn(txn)
      if (!result.succeeded) return result
      // A key hangs on the lease that it was put with last.
      const written = [...(txn.puts ?? []).map(({ key }) => key), ...(txn.deletes ?? [])]
      for (const keys of keysOf.values()) for (const key of written) keys.delete(key)
      for (const { key, lease } of txn.puts ?? []) if (lease) keysOf.get(lease)?.add(key)
      return result
    },
  }
}
