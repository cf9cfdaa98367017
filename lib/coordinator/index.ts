/** Group coordination. The only way into this room. */
export { type Clock, type ScheduledTask, systemTime, type Time, type Timers } from './clock.js'
export type { CoordinatorLog } from './coordinator-log.js'
export { GroupCoordinator, type GroupCoordinatorOptions } from './group-coordinator.js'
export type { GroupSettings } from './group-settings.js'
export type { RequestContext } from './request-context.js'
