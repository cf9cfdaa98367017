/** What a request costs its client, once it is handled, and how long that client has to pause for it. */
import type { Session } from './session.js'

/**
 * Whose quota a request is charged to. `request` counts only the time that it took, which the others count too; `none`
 * is for what brokers send each other and for what comes before the login.
 */
export type Charge = 'produce' | 'fetch' | 'request' | 'controller-mutation' | 'none'

/** What one request has used. */
export interface Usage {
  readonly session: Session
  readonly clientId: string | null
  /** Bytes of record batches that were appended. */
  readonly bytesIn: number
  /** Bytes of record batches that a consumer is sent. */
  readonly bytesOut: number
  /** Partitions that were created or deleted. */
  readonly mutations: number
  /** From the decoded request to its answer, waits included. */
  readonly elapsedMs: number
}

export interface Quotas {
  /** True where nothing is ever throttled: nothing is charged then. */
  readonly areUnlimited: boolean
  /** Counts the usage; returns the milliseconds for which no more is read from the client, 0 within its quota. */
  charge(kind: Exclude<Charge, 'none'>, usage: Usage): number
}

export const unlimited: Quotas = { areUnlimited: true, charge: () => 0 }
