import type { Logger } from 'pino'
import type { Time } from '../../runtime/clock.js'
import type { Deadline } from '../../runtime/deadline.js'
import type { GroupSettings } from '../group-settings.js'
import type { Group } from './group.js'

/** What rebalances need of the shard that their groups are in. */
export interface RebalanceContext {
  readonly time: Time
  readonly settings: GroupSettings
  readonly logger: Logger
  /** A deadline that is void once the shard is closed. */
  deadline(run: () => void): Deadline
  /** Writes a group as it is now, with the assignments given or else its members' own. */
  writeGroup(group: Group, assignments?: ReadonlyMap<string, Uint8Array>): Promise<void>
}
