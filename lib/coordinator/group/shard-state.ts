import type { ErrorName } from '../../protocol/index.js'
import type { OffsetStore } from '../offsets/offset-store.js'
import type { PendingOffsets } from '../offsets/pending-offsets.js'
import type { Write } from '../runtime/record-writer.js'
import type { Group } from './classic/group.js'
import type { Rebalance } from './classic/rebalance.js'
import type { RebalanceContext } from './classic/rebalance-context.js'

/** A shard as the operations on its groups and offsets see it. */
export interface GroupShardState extends RebalanceContext {
  readonly partition: number
  readonly groups: Map<string, Group>
  readonly offsets: OffsetStore
  readonly pendingOffsets: PendingOffsets
  readonly rebalance: Rebalance
  /** Resolves when the records are committed and applied. */
  write(write: Write): Promise<void>
  /** Resolves when all writes asked for before are done, and what `build` makes of the state then is written. */
  writeAfterOthers(build: () => readonly Write[]): Promise<void>
  /** Resolves when all writes asked for before are done. */
  settled(): Promise<void>
  /** The error that a client is answered for what an operation threw. */
  errorName(error: unknown): ErrorName
}
