import test from 'ava'
import { takeFrame } from '../../lib/network/frame-pool.js'
import { recycleFrame } from '../../lib/network/index.js'

test('a recycled frame lends its memory to the next one of about its size', (t) => {
  const frame = takeFrame(1_000_003)
  t.is(frame.length, 1_000_003)
  const memory = frame.buffer
  recycleFrame(frame)
  t.is(takeFrame(1_000_900).buffer, memory)
  t.not(takeFrame(1_000_900).buffer, memory)
})

test('recycling a frame twice lends its memory once', (t) => {
  const frame = takeFrame(700_000)
  recycleFrame(frame)
  recycleFrame(frame)
  t.not(takeFrame(700_000).buffer, takeFrame(700_000).buffer)
})

test('small frames and foreign buffers are not taken', (t) => {
  const small = takeFrame(1000)
  const foreign = Buffer.alloc(1024 * 1024)
  recycleFrame(small)
  recycleFrame(foreign)
  const next = takeFrame(1000)
  t.false(next.buffer === small.buffer && next.byteOffset === small.byteOffset)
  t.not(takeFrame(1024 * 1024).buffer, foreign.buffer)
})

test('what is kept is bounded', (t) => {
  const frames = Array.from({ length: 50 }, () => takeFrame(1024 * 1024))
  const memory = new Set(frames.map((frame) => frame.buffer))
  for (const frame of frames) recycleFrame(frame)
  const again = Array.from({ length: 50 }, () => takeFrame(1024 * 1024))
  const reused = again.filter((frame) => memory.has(frame.buffer)).length
  t.true(reused > 0 && reused <= 32, `${reused} MiB kept`)
})

test('what nobody asks for any more makes room for frames of another size', (t) => {
  const frames = Array.from({ length: 50 }, () => takeFrame(1024 * 1024))
  for (const frame of frames) recycleFrame(frame)
  const large = takeFrame(5_000_000)
  recycleFrame(large)
  t.is(takeFrame(5_000_000).buffer, large.buffer)
})
