/** Appends that are answered when they are on disk: how many at once, how fast, how long each takes. */

import { join } from 'node:path'
import { type RawBounds, rawDurable } from '../native/raw-disk.js'
import { concurrencies, durableBatchBytes } from './amounts.js'
import { appendFlushed, makeBatch, openFreshLog } from './engine-log.js'
import type { Subject } from './findings.js'
import type { Pass, Step } from './step.js'

export function durableSteps(): Step[] {
  const oneByOneRate: Rate = { appendsPerSecond: Number.NaN }
  return concurrencies.map(({ concurrency, weight }) => durableStep(concurrency, weight, oneByOneRate))
}

/** One by one is the same beside any number of writers: the first step of a pass measures it for all. */
interface Rate {
  appendsPerSecond: number
}

/** What the engine's writers at once would reach if one write took all that they wait for. */
const grouped = (concurrency: number): Subject => ({
  section: 'durable',
  name: `durable-${concurrency}-grouped`,
  x: concurrency,
  line: 'grouped',
  unit: 'appends/s',
  limit: `pwrite of ${concurrency} record${concurrency === 1 ? '' : 's'}, fdatasync`,
})

const oneByOne = (concurrency: number): Subject => ({
  section: 'durable',
  name: `durable-${concurrency}-one-by-one`,
  x: concurrency,
  line: 'one by one',
  unit: 'appends/s',
  limit: 'pwrite of one record, fdatasync',
})

function durableStep(concurrency: number, weight: number, single: Rate): Step {
  const boundsOf = ({ amounts }: Pass): RawBounds => ({
    maxMs: amounts.durableMs,
    maxBytes: amounts.durableBytes * weight,
  })
  return {
    title: `durable appends, ${concurrency} at once`,
    async raw(pass) {
      const bounds = boundsOf(pass)
      const rate = await rawRate(pass, bounds, concurrency)
      if (concurrency === 1) single.appendsPerSecond = rate
      pass.findings.add(grouped(concurrency), 'raw', rate)
      pass.findings.add(oneByOne(concurrency), 'raw', single.appendsPerSecond)
    },
    async engine(pass) {
      const bounds = boundsOf(pass)
      await pass.work.measure(bounds.maxBytes, async (folder) => {
        const { latencies, seconds } = await appendDurably(folder, concurrency, bounds)
        pass.work.writtenBytes += latencies.length * durableBatchBytes
        pass.findings.addLatencies('engine', concurrency, latencies)
        for (const subject of [grouped(concurrency), oneByOne(concurrency)]) {
          pass.findings.add(subject, 'engine', latencies.length / seconds)
        }
      })
    },
  }
}

/** Records a second. */
function rawRate(pass: Pass, bounds: RawBounds, group: number): Promise<number> {
  const blockBytes = group * durableBatchBytes
  const maxBytes = Math.max(1, Math.floor(bounds.maxBytes / blockBytes)) * blockBytes
  return pass.work.measure(maxBytes, async (folder) => {
    const run = await rawDurable(join(folder, 'file'), blockBytes, { ...bounds, maxBytes })
    pass.work.writtenBytes += run.bytes
    pass.findings.addLatencies('raw', group, run.latencies)
    return run.bytes / durableBatchBytes / run.seconds
  })
}

async function appendDurably(
  folder: string,
  concurrency: number,
  { maxMs, maxBytes }: RawBounds,
): Promise<{ latencies: Float64Array; seconds: number }> {
  const log = await openFreshLog(folder, 'log')
  try {
    const batch = makeBatch(durableBatchBytes).bytes
    const buffers = Array.from({ length: concurrency }, () => batch.slice())
    const latencies: number[] = []
    let left = Math.floor(maxBytes / durableBatchBytes)
    const start = performance.now()
    await Promise.all(
      buffers.map(async (buffer) => {
        for (let began = start; began - start < maxMs && left-- > 0; ) {
          await appendFlushed(log, buffer)
          const now = performance.now()
          latencies.push(now - began)
          began = now
        }
      }),
    )
    return { latencies: Float64Array.from(latencies), seconds: (performance.now() - start) / 1000 }
  } finally {
    await log.close()
  }
}
