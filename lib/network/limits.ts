/**
 * Every bound that a listener keeps, in one object. It is read at each use, so that a dynamic setting takes
 * effect on open connections by assigning to it.
 */

export interface NetworkLimits {
  /** `socket.request.max.bytes`: a frame that announces more closes its connection. */
  maxRequestBytes: number
  /** Frames of one connection that may be unanswered at a time; its socket is not read beyond that. */
  maxInFlightPerConnection: number
  /** Bytes of unanswered frames that one connection may have before its socket is no longer read. */
  maxInFlightBytesPerConnection: number
  /** Response bytes held for a client that does not read; its requests are not read beyond that. */
  maxQueuedResponseBytesPerConnection: number
  /** `connections.max.idle.ms`, which also bounds a half-sent frame and a response that is not taken. */
  maxIdleMs: number
  /** `max.connections`, over all listeners that share a `ConnectionQuota`. */
  maxConnections: number
  /** `max.connections.per.ip` and its overrides by address. */
  maxConnectionsPerIp: number
  maxConnectionsPerIpOverrides: ReadonlyMap<string, number>
}

const MIB = 1024 * 1024

export const defaultLimits: Readonly<NetworkLimits> = {
  maxRequestBytes: 100 * MIB,
  // Clients keep 5 requests in flight when they keep order; librdkafka has no bound unless told. 64 hides an
  // fdatasync of several ms behind small requests, and holds a client that floods to little memory.
  maxInFlightPerConnection: 64,
  // A disk that takes 1 GB/s with 30 ms between request and answer needs 30 MB under way.
  maxInFlightBytesPerConnection: 32 * MIB,
  maxQueuedResponseBytesPerConnection: 1 * MIB,
  maxIdleMs: 600_000,
  maxConnections: 2 ** 31 - 1,
  maxConnectionsPerIp: 2 ** 31 - 1,
  maxConnectionsPerIpOverrides: new Map(),
}

/** `queued.max.request.bytes`, for who opens a listener without a configuration. */
export const defaultQueuedRequestBytes = 128 * MIB
