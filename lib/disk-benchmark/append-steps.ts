/** Sequential appends: by batch size to one log, and to several logs at once. */

import { join } from 'node:path'
import type { NativeLog } from '../native/index.js'
import { rawWrite } from '../native/raw-disk.js'
import { batchSizes, writerCounts, writersBatchBytes } from './amounts.js'
import { append, makeBatch, openFreshLog } from './engine-log.js'
import type { Side, Subject } from './findings.js'
import type { Pass, Step } from './step.js'

/** Batches that one writer has under way, as a producer with several requests in flight. */
const maxBatchesInFlight = 16
const maxBytesInFlight = 8_388_608

interface Times {
  readonly writtenSeconds: number
  readonly flushedSeconds: number
}

export function appendSteps(): Step[] {
  return [
    ...batchSizes.map((batchBytes) =>
      appendStep('append', batchBytes, 1, `append ${batchBytes / 1024} KB batches`),
    ),
    ...writerCounts.map((writers) =>
      appendStep('writers', writersBatchBytes, writers, `append, ${writers} writers`),
    ),
  ]
}

function appendStep(section: 'append' | 'writers', batchBytes: number, writers: number, title: string): Step {
  /** Whole batches for every writer, on both sides; 0 where not one is allowed. */
  const bytesOf = (pass: Pass) => {
    const batches = Math.floor(pass.amounts.appendBytes / writers / batchBytes)
    if (batches === 0) pass.findings.notes.add(`Left out, because the size allows too little: ${title}.`)
    return batches * batchBytes * writers
  }
  const add = (pass: Pass, side: Side, bytes: number, times: Times) => {
    pass.work.writtenBytes += bytes
    for (const subject of subjects(section, batchBytes, writers)) {
      const seconds = subject.line === 'page cache' ? times.writtenSeconds : times.flushedSeconds
      pass.findings.add(subject, side, bytes / seconds / 1e6)
    }
  }
  return {
    title,
    async raw(pass) {
      const bytes = bytesOf(pass)
      if (bytes === 0) return
      await pass.work.measure(bytes, async (folder) => {
        const options = { blockBytes: batchBytes, bytes, threads: writers }
        add(pass, 'raw', bytes, await rawWrite(join(folder, 'file'), options))
      })
    },
    async engine(pass) {
      const bytes = bytesOf(pass)
      if (bytes === 0) return
      await pass.work.measure(bytes, async (folder) => {
        add(pass, 'engine', bytes, await appendAll(folder, batchBytes, bytes, writers))
      })
    },
  }
}

/** One writer with 256 KB belongs to both sections. */
function subjects(section: 'append' | 'writers', batchBytes: number, writers: number): Subject[] {
  const lines = [
    { line: 'page cache', limit: 'pwrite' },
    { line: 'on disk', limit: 'pwrite, one fdatasync at the end' },
  ]
  const of = (name: Subject['section'], x: number) =>
    lines.map(({ line, limit }) => ({
      section: name,
      name: `${name}-${x}-${line.replace(' ', '-')}`,
      x,
      line,
      unit: 'MB/s' as const,
      limit,
    }))
  if (section === 'writers') return of('writers', writers)
  const own = of('append', batchBytes)
  return batchBytes === writersBatchBytes ? [...own, ...of('writers', 1)] : own
}

async function appendAll(folder: string, batchBytes: number, bytes: number, writers: number): Promise<Times> {
  const names = Array.from({ length: writers }, (_, writer) => `log-${writer}`)
  const logs = await Promise.all(names.map((name) => openFreshLog(folder, name)))
  try {
    const batch = makeBatch(batchBytes).bytes
    const inFlight = Math.min(maxBatchesInFlight, Math.max(1, Math.floor(maxBytesInFlight / batchBytes)))
    const buffers = logs.map(() => Array.from({ length: inFlight }, () => batch.slice()))
    const start = performance.now()
    await Promise.all(
      logs.map((log, writer) => appendCount(log, buffers[writer]!, bytes / writers / batchBytes)),
    )
    const writtenSeconds = (performance.now() - start) / 1000
    await Promise.all(logs.map((log) => log.flush()))
    return { writtenSeconds, flushedSeconds: (performance.now() - start) / 1000 }
  } finally {
    await Promise.all(logs.map((log) => log.close()))
  }
}

/** As many under way as there are buffers: the engine writes into each until its append is done. */
async function appendCount(log: NativeLog, buffers: readonly Uint8Array[], count: number): Promise<void> {
  let left = count
  await Promise.all(
    buffers.map(async (buffer) => {
      while (left-- > 0) await append(log, buffer)
    }),
  )
}
