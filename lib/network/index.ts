/** Serving and dialling: what the rooms above may use of the network. */

export { type ClientConnection, ConnectionClosedError, type DialOptions, dial } from './client-connection.js'
export type { Accept, Connection, FrameHandler } from './connection.js'
export { ConnectionQuota } from './connection-quota.js'
export { FrameBudget } from './frame-budget.js'
export { recycleFrame } from './frame-pool.js'
export { defaultLimits, defaultQueuedRequestBytes, type NetworkLimits } from './limits.js'
export { type Listener, type ListenOptions, listen } from './listener.js'
export { MalformedFrameError } from './malformed-frame-error.js'
export { defaultPlaintextOptions, type PlaintextOptions } from './plaintext-transport.js'
export { isFileRange, type ResponsePart, releaseRanges } from './transport.js'
