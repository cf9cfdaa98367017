// Runs one measurement in a process of its own, so that no store pays for what another left in memory or in the
// compiler: `node measure.js '{"peer","task","folder"}'` prints the figures.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { percentile } from '../statistics.js'
import type { PeerName, Store, StoreClass } from './store.js'
import type { Figures, Task } from './workloads.js'

export interface Measurement {
  readonly peer: PeerName
  readonly task: Task
  /** Empty. */
  readonly folder: string
}

type AppendTask = Extract<Task, { kind: 'append' }>

/** Distinct batches that are appended in turn. */
const BATCHES = 8
/** Before anything is timed the same runs for so long, or with so many bytes: code is compiled. */
const WARM_MS = 300
const WARM_BYTES = 16e6
const FILL_BATCH = 1000
const SCANS = 2

function batchesOf(records: number, recordBytes: number): Buffer[][] {
  let seed = 1
  const value = () => {
    const bytes = Buffer.allocUnsafe(recordBytes)
    for (let i = 0; i < recordBytes; i++)
      bytes[i] = (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 24
    return bytes
  }
  return Array.from({ length: BATCHES }, () => Array.from({ length: records }, value))
}

interface Timed {
  readonly seconds: number
  readonly cpuSeconds: number
}

async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}

function rates(records: number, bytes: number, { seconds, cpuSeconds }: Timed): Figures {
  return {
    recordsPerSecond: records / seconds,
    mbPerSecond: bytes / seconds / 1e6,
    cpuPerRecord: (cpuSeconds / records) * 1e6,
  }
}

function latencies(values: readonly number[]): Figures {
  const sorted = Float64Array.from(values).sort()
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
}

/** Appends until one of the bounds is reached, with `inFlight` under way; gives the latencies (ms). */
async function appendFor(store: Store, task: AppendTask, batches: Buffer[][]): Promise<number[]> {
  const waits: number[] = []
  const start = performance.now()
  let left = Math.max(1, Math.floor(task.maxBytes / (task.batch * task.recordBytes)))
  let next = 0
  await Promise.all(
    Array.from({ length: Math.min(task.inFlight, left) }, async () => {
      for (let began = performance.now(); began - start < task.maxMs && left-- > 0; ) {
        const pending = store.append(batches[next++ % BATCHES]!)
        if (pending) await pending
        const now = performance.now()
        waits.push(now - began)
        began = now
      }
    }),
  )
  return waits
}

async function measureAppend(open: Open, task: AppendTask): Promise<Figures> {
  const batches = batchesOf(task.batch, task.recordBytes)
  const warming = await open('warm', task.durable)
  const maxBytes = Math.min(WARM_BYTES, task.maxBytes)
  await appendFor(warming, { ...task, maxMs: Math.min(WARM_MS, task.maxMs), maxBytes }, batches)
  await warming.close()
  const store = await open('store', task.durable)
  let waits: number[] = []
  const time = await timed(async () => {
    waits = await appendFor(store, task, batches)
  })
  await store.close()
  const records = waits.length * task.batch
  const figures = rates(records, records * task.recordBytes, time)
  return task.durable ? { ...figures, ...latencies(waits) } : figures
}

async function measureScan(open: Open, task: Extract<Task, { kind: 'scan' }>): Promise<Figures> {
  const batches = batchesOf(FILL_BATCH, task.recordBytes)
  const appends = Math.max(1, Math.floor(task.bytes / (FILL_BATCH * task.recordBytes)))
  const records = appends * FILL_BATCH
  const store = await open('store', false)
  for (let i = 0; i < appends; i++) await store.append(batches[i % BATCHES]!)
  const scan = () => (task.by === 'batches' ? store.scanBatches() : store.scanRecords())
  const checked = async () => {
    const scanned = await scan()
    if (scanned.records !== records) throw new Error(`scanned ${scanned.records} of ${records} records`)
  }
  await checked()
  const time = await timed(async () => {
    for (let i = 0; i < SCANS; i++) await checked()
  })
  await store.close()
  return rates(records * SCANS, records * SCANS * task.recordBytes, time)
}

/** One record a millisecond; each is timed from the call of append to its arrival. */
async function measureFollowLatency(
  open: Open,
  task: Extract<Task, { kind: 'follow-latency' }>,
): Promise<Figures> {
  const store = await open('store', task.durable)
  const batch = batchesOf(1, 1024)[0]!
  const sent: number[] = []
  const waits: number[] = []
  let arrived = () => {}
  const stop = await followOf(store)(() => {
    waits.push(performance.now() - sent[waits.length]!)
    if (waits.length === task.records) arrived()
  })
  await new Promise<void>((resolve, reject) => {
    arrived = resolve
    const timer = setInterval(() => {
      sent.push(performance.now())
      if (sent.length === task.records) clearInterval(timer)
      store.append(batch)?.catch(reject)
    }, 1)
  })
  await stop()
  await store.close()
  return latencies(waits)
}

async function measureFollowRate(open: Open, task: Extract<Task, { kind: 'follow-rate' }>): Promise<Figures> {
  const batches = batchesOf(100, task.recordBytes)
  const appends = Math.max(1, Math.floor(task.bytes / (100 * task.recordBytes)))
  const run = async (store: Store, count: number) => {
    let seen = 0
    let done = () => {}
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    const stop = await followOf(store)(() => {
      if (++seen === count * 100) done()
    })
    let left = count
    const time = await timed(async () => {
      const writers = Array.from({ length: 4 }, async () => {
        while (left-- > 0) await store.append(batches[left % BATCHES]!)
      })
      await Promise.all([...writers, all])
    })
    await stop()
    await store.close()
    return time
  }
  await run(await open('warm', false), Math.min(appends, 100))
  const time = await run(await open('store', false), appends)
  return rates(appends * 100, appends * 100 * task.recordBytes, time)
}

function followOf(store: Store): NonNullable<Store['follow']> {
  if (store.follow === undefined) throw new Error('this store cannot be followed')
  return store.follow.bind(store)
}

type Open = (name: string, durable: boolean) => Promise<Store>

export async function measure({ peer, task, folder }: Measurement): Promise<Figures> {
  const { open: openStore } = (await import(`./stores/${peer}.js`)) as StoreClass
  const open: Open = (name, durable) => {
    const own = join(folder, name)
    mkdirSync(own)
    return openStore({ folder: own, durable })
  }
  switch (task.kind) {
    case 'append':
      return await measureAppend(open, task)
    case 'scan':
      return await measureScan(open, task)
    case 'follow-latency':
      return await measureFollowLatency(open, task)
    case 'follow-rate':
      return await measureFollowRate(open, task)
  }
}

if (process.argv[1] === import.meta.filename) {
  const figures = await measure(JSON.parse(process.argv[2]!) as Measurement)
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}
