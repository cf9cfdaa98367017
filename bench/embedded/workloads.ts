// The workloads of `bench -- embedded`: what each measures, on which stores, and what is wanted of the embedded log.
import { type PeerName, peers } from './store.js'

/** Every figure: its unit, whether more is better, and its digits in the table. */
export const METRICS = {
  recordsPerSecond: { title: 'records/s', better: 'higher', digits: 0 },
  mbPerSecond: { title: 'MB/s', better: 'higher', digits: 1 },
  p50: { title: 'p50 ms', better: 'lower', digits: 3 },
  p99: { title: 'p99 ms', better: 'lower', digits: 3 },
  cpuPerRecord: { title: 'CPU µs/record', better: 'lower', digits: 2 },
} as const

export type Metric = keyof typeof METRICS
export type Figures = Partial<Record<Metric, number>>

/** Of records/s, as a ratio to another store in the same round. */
export interface Aim {
  readonly against: PeerName
  readonly bound: number
}

/** What a measurement does, for the process that runs it. */
export type Task =
  | {
      readonly kind: 'append'
      readonly durable: boolean
      /** Records of one append. */
      readonly batch: number
      readonly recordBytes: number
      /** Appends under way at once. */
      readonly inFlight: number
      readonly maxMs: number
      readonly maxBytes: number
    }
  | {
      readonly kind: 'scan'
      readonly by: 'batches' | 'records'
      readonly recordBytes: number
      readonly bytes: number
    }
  | { readonly kind: 'follow-latency'; readonly durable: boolean; readonly records: number }
  | { readonly kind: 'follow-rate'; readonly recordBytes: number; readonly bytes: number }

export interface Workload {
  readonly name: string
  readonly title: string
  readonly peers: readonly PeerName[]
  readonly task: Task
  readonly aims: readonly Aim[]
}

const sizes = [
  { recordBytes: 100, text: '100 B', name: '100b' },
  { recordBytes: 1024, text: '1 KB', name: '1k' },
] as const
const batches = [1, 100, 1000] as const

const DURABLE_MS = 1500
const DURABLE_BYTES = 64e6
const UNFLUSHED_MS = 2500
/** Records on their way to a store that answers before they are on disk: enough that it never waits for the next. */
const RECORDS_IN_FLIGHT = 1024
const CONCURRENCY = 16
const FOLLOWED_RECORDS = 2000

/** Small records cost calls, large ones bytes. */
const unflushedBytes = (recordBytes: number) => (recordBytes < 1000 ? 64e6 : 128e6)
const scannedBytes = (recordBytes: number) => (recordBytes < 1000 ? 100e6 : 256e6)

/** A blocking file says nothing new where nothing waits for a disk. */
const unblocking = peers.filter((peer) => peer !== 'fs-sync')

const durable = sizes.flatMap(({ recordBytes, text, name }) =>
  batches.map((batch): Workload => {
    return {
      name: `durable-${batch}-${name}`,
      title: `durable appends of ${batch} × ${text}, one after the other`,
      peers,
      task: {
        kind: 'append',
        durable: true,
        batch,
        recordBytes,
        inFlight: 1,
        maxMs: DURABLE_MS,
        maxBytes: DURABLE_BYTES,
      },
      aims: [{ against: 'fs', bound: 0.95 }],
    }
  }),
)

const concurrent = sizes.map(({ recordBytes, text, name }): Workload => {
  return {
    name: `concurrent-${CONCURRENCY}-${name}`,
    title: `durable appends of 1 × ${text} by ${CONCURRENCY} at once`,
    peers: unblocking,
    task: {
      kind: 'append',
      durable: true,
      batch: 1,
      recordBytes,
      inFlight: CONCURRENCY,
      maxMs: DURABLE_MS,
      maxBytes: DURABLE_BYTES,
    },
    aims: [{ against: 'fs', bound: 8 }],
  }
})

const unflushed = sizes.flatMap(({ recordBytes, text, name }) =>
  batches.map((batch): Workload => {
    const inFlight = Math.max(2, Math.ceil(RECORDS_IN_FLIGHT / batch))
    return {
      name: `os-${batch}-${name}`,
      title: `appends of ${batch} × ${text}, not durable, ${inFlight} at once`,
      peers: unblocking,
      task: {
        kind: 'append',
        durable: false,
        batch,
        recordBytes,
        inFlight,
        maxMs: UNFLUSHED_MS,
        maxBytes: unflushedBytes(recordBytes),
      },
      aims: [{ against: 'lmdb', bound: 2 }],
    }
  }),
)

const scans = sizes.flatMap(({ recordBytes, text, name }) =>
  (['batches', 'records'] as const).map((by): Workload => {
    return {
      name: `scan-${by}-${name}`,
      title: `scan of all records of ${text}, ${by === 'batches' ? 'in batches' : 'one by one'}`,
      peers: unblocking,
      task: { kind: 'scan', by, recordBytes, bytes: scannedBytes(recordBytes) },
      aims: [{ against: 'lmdb', bound: by === 'batches' ? 3 : 1 }],
    }
  }),
)

const follows: Workload[] = [
  ...[true, false].map((isDurable): Workload => {
    return {
      name: `follow-latency-${isDurable ? 'durable' : 'os'}`,
      title: `from append to a follower, 1 × 1 KB a millisecond, ${isDurable ? 'durable' : 'not durable'}`,
      peers: ['odradek'],
      task: { kind: 'follow-latency', durable: isDurable, records: FOLLOWED_RECORDS },
      aims: [],
    }
  }),
  {
    name: 'follow-rate-1k',
    title: 'a follower beside a writer of 100 × 1 KB, not durable, until it has all',
    peers: ['odradek'],
    task: { kind: 'follow-rate', recordBytes: 1024, bytes: 128e6 },
    aims: [],
  },
]

export const embeddedWorkloads: readonly Workload[] = [
  ...durable,
  ...concurrent,
  ...unflushed,
  ...scans,
  ...follows,
]

/** The same with a part of time and bytes. */
export function scaled(task: Task, scale: number): Task {
  switch (task.kind) {
    case 'append':
      return { ...task, maxMs: task.maxMs * scale, maxBytes: task.maxBytes * scale }
    case 'follow-latency':
      return { ...task, records: Math.ceil(task.records * scale) }
    default:
      return { ...task, bytes: task.bytes * scale }
  }
}

/** The most that a measurement writes, for warming memory. */
export function writtenBytes(task: Task): number {
  if (task.kind === 'append') return task.maxBytes
  return task.kind === 'follow-latency' ? task.records * 1024 : task.bytes
}
