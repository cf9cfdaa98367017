import test from 'ava'
import { enforceRetention, type RetainableLog } from '../../lib/log/retention.js'
import type { SegmentInfo } from '../../lib/native/types.js'

interface FakeLog extends RetainableLog {
  readonly bases: number[]
}

/** A log of segments of ten records and 100 bytes each, a second apart from 1,000 ms on; the last one is active. */
function logOf(count: number, config: Partial<RetainableLog['config']>, highWatermark = count * 10): FakeLog {
  const segments: SegmentInfo[] = Array.from({ length: count }, (_, index) => ({
    baseOffset: index * 10,
    sizeInBytes: 100,
    maxTimestampMs: (index + 1) * 1_000,
    maxTimestampOffset: index * 10,
    lastModifiedMs: 0,
    active: index === count - 1,
  }))
  return {
    config: { delete: true, retentionMs: -1, retentionBytes: -1, ...config },
    highWatermark,
    logEndOffset: count * 10,
    logStartOffset: 0,
    segments: () => segments,
    get bases() {
      return segments.map(({ baseOffset }) => baseOffset)
    },
    async checkTimestamps() {},
    async roll() {
      segments.at(-1)!.active = false
      const empty = { baseOffset: count * 10, sizeInBytes: 0, maxTimestampMs: -1, maxTimestampOffset: -1 }
      segments.push({ ...empty, lastModifiedMs: 0, active: true })
    },
    raiseLogStartOffset(offset) {
      const raised = offset > this.logStartOffset
      if (raised) (this as { logStartOffset: number }).logStartOffset = offset
      return raised
    },
    async deleteOldSegments() {
      let deleted = 0
      while (segments.length > 1 && segments[1]!.baseOffset <= this.logStartOffset) {
        segments.shift()
        deleted++
      }
      return deleted
    },
  }
}

test('segments whose last record is too old go, the others stay', async (t) => {
  const log = logOf(4, { retentionMs: 1_500 })
  t.is(await enforceRetention(log, 4_000), 2)
  t.is(log.logStartOffset, 20)
  t.deepEqual(log.bases, [20, 30])
})

test('when all of it is too old the active segment is sealed first, and an empty one stays', async (t) => {
  const log = logOf(2, { retentionMs: 1_000 })
  t.is(await enforceRetention(log, 60_000), 2)
  t.deepEqual(log.bases, [20])
  t.is(log.logStartOffset, 20)
})

test('by size, what stays is at least retention.bytes', async (t) => {
  const log = logOf(4, { retentionBytes: 250 })
  t.is(await enforceRetention(log, 0), 1)
  t.deepEqual(log.bases, [10, 20, 30])
})

test('by size, the active segment goes only where nothing may stay', async (t) => {
  const one = logOf(1, { retentionBytes: 1 })
  t.is(await enforceRetention(one, 0), 0)
  const none = logOf(2, { retentionBytes: 0 })
  t.is(await enforceRetention(none, 0), 2)
  t.deepEqual(none.bases, [20])
})

test('a segment that compaction has emptied does not hold up those behind it', async (t) => {
  const log = logOf(4, { retentionMs: 1_500 })
  Object.assign(log.segments()[0]!, { sizeInBytes: 0, maxTimestampMs: -1, lastModifiedMs: 1_000 })
  t.is(await enforceRetention(log, 4_000), 2)
  t.deepEqual(log.bases, [20, 30])
})

test('nothing at or above the high watermark goes', async (t) => {
  const log = logOf(4, { retentionMs: 0 }, 15)
  await enforceRetention(log, 60_000)
  t.deepEqual(log.bases, [10, 20, 30])
})

test('a compacted log loses only what lies below its start', async (t) => {
  const log = logOf(3, { delete: false, retentionMs: 0, retentionBytes: 0 })
  t.is(await enforceRetention(log, 60_000), 0)
  log.raiseLogStartOffset(15)
  t.is(await enforceRetention(log, 60_000), 1)
  t.deepEqual(log.bases, [10, 20])
})
