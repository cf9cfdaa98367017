/** Reads from a log into memory: in order and at random positions, from the page cache and from the disk. */

import { rawRead } from '../native/raw-disk.js'
import { readBatchBytes } from './amounts.js'
import type { Subject } from './findings.js'
import type { ReadLog } from './read-log.js'
import type { Step } from './step.js'

interface Shape {
  readonly random: boolean
  readonly blockBytes: number
  /** Reads under way at once; in order, each goes through a stripe of its own. */
  readonly depth: number
}

const shapes: readonly Shape[] = [
  { random: false, blockBytes: 1_048_576, depth: 1 },
  { random: false, blockBytes: 1_048_576, depth: 4 },
  { random: true, blockBytes: readBatchBytes, depth: 1 },
  { random: true, blockBytes: readBatchBytes, depth: 4 },
  { random: true, blockBytes: readBatchBytes, depth: 16 },
]

const coldRandomPart = 0.1

export function readSteps(source: ReadLog): Step[] {
  return (source.canBeCold ? (['cached', 'cold'] as const) : (['cached'] as const)).flatMap((state) =>
    shapes.map((shape) => readStep(source, shape, state)),
  )
}

function readStep(source: ReadLog, shape: Shape, state: 'cached' | 'cold'): Step {
  const { random, blockBytes, depth } = shape
  const order = random ? 'random' : 'sequential'
  const subject: Subject = {
    section: 'read',
    name: `read-${order}-${depth}-${state}`,
    x: `${order} ${random ? '4 KB' : '1 MB'} × ${depth}`,
    line: state,
    unit: random ? 'reads/s' : 'MB/s',
    limit: `pread on ${depth} thread${depth === 1 ? '' : 's'}`,
  }
  const figure = (bytes: number, seconds: number) =>
    random ? bytes / blockBytes / seconds : bytes / seconds / 1e6
  // A cold file is cold once: of random blocks few may come twice.
  const coldBytes = random ? source.bytes * coldRandomPart : source.bytes
  const maxBytes = state === 'cold' ? coldBytes : Number.MAX_SAFE_INTEGER
  return {
    title: `read ${subject.x}, ${state}`,
    async raw(pass) {
      await source.prepare(state, pass)
      const { bytes, seconds } = await rawRead(source.path, {
        size: source.bytes,
        blockBytes,
        threads: depth,
        random,
        seed: pass.number,
        maxMs: pass.amounts.readMs,
        maxBytes,
      })
      pass.findings.add(subject, 'raw', figure(bytes, seconds))
    },
    async engine(pass) {
      await source.prepare(state, pass)
      const { bytes, seconds } = await readLog(source, shape, { maxMs: pass.amounts.readMs, maxBytes })
      pass.findings.add(subject, 'engine', figure(bytes, seconds))
    },
  }
}

async function readLog(
  source: ReadLog,
  { random, blockBytes, depth }: Shape,
  { maxMs, maxBytes }: { maxMs: number; maxBytes: number },
): Promise<{ bytes: number; seconds: number }> {
  const { log } = source
  const options = { maxBytes: blockBytes, minOneBatch: true, maxOffset: log.logEndOffset }
  const blocks = Math.floor(source.bytes / blockBytes)
  const stripe = Math.max(1, Math.floor(blocks / depth))
  let bytes = 0
  const start = performance.now()
  await Promise.all(
    Array.from({ length: depth }, async (_, reader) => {
      for (let i = 0, own = 0; own < maxBytes / depth && performance.now() - start < maxMs; i++) {
        const block = random ? Math.floor(Math.random() * blocks) : (reader * stripe + (i % stripe)) % blocks
        const { byteLength } = await log.readBytes(source.offsetAt(block * blockBytes), options)
        own += byteLength
        bytes += byteLength
      }
    }),
  )
  return { bytes, seconds: (performance.now() - start) / 1000 }
}
