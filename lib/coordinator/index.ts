/** Group coordination. The only way into this room. */

export { GroupCoordinator, type GroupCoordinatorOptions } from './group/group-coordinator.js'
export type { GroupSettings } from './group/group-settings.js'
export type { RequestContext } from './request-context.js'
export { type Clock, type ScheduledTask, systemTime, type Time, type Timers } from './runtime/clock.js'
export type { Coordinator } from './runtime/coordinator.js'
export type { CoordinatorLog } from './runtime/coordinator-log.js'
