/** How the leader of a partition writes its in-sync replicas down; cluster/ provides it. */

export interface IsrChange {
  readonly topicId: string
  readonly partition: number
  /** The state that the change rests on: it is not written over any other. */
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly isr: readonly number[]
  /** Must still be registered under this broker epoch when it is written. */
  readonly joiner: { readonly id: number; readonly brokerEpoch: number } | undefined
}

/**
 * `written`; `stale`: the partition's state is another one by now, nothing was written; `ineligible`: the joiner is
 * not registered under that epoch, nothing was written.
 */
export type IsrOutcome = 'written' | 'stale' | 'ineligible'

export interface IsrWriter {
  /** A rejection means that the outcome is not known: it may be written, now or later. */
  write(change: IsrChange): Promise<IsrOutcome>
}
