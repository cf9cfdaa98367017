/**
 * Memory for frames, used again once a handler says that it is done with one. Fresh memory of a large one comes from the
 * kernel page by page, which takes about as long as reading the frame; and the more of it is left to the garbage
 * collector, the more often that marks the whole heap.
 */
import { clearInterval, setInterval, type Timer } from '../time/index.js'

/** Node has a pool of its own for what is smaller. */
const minBytes = 4 * 1024
/** The largest of what a follower fetches at once fits. */
const maxBytes = 16 * 1024 * 1024
/** What is kept for use, at most. */
const keptBytes = 32 * 1024 * 1024
/** What has not been needed for so long is let go. */
const unusedMs = 5_000

/**
 * Free buffers by their size, a power of two, so that frames of all sizes share few kinds of them. The kind that was
 * asked for last comes last.
 */
const free = new Map<number, ArrayBuffer[]>()
/** Handed out and not given back: a second `recycleFrame` of the same frame changes nothing. */
const inUse = new WeakSet<ArrayBufferLike>()
let freeBytes = 0
/** The least that was free since the timer last looked. */
let unusedBytes = 0
let timer: Timer | undefined

/** `size` bytes of unknown content. */
export function takeFrame(size: number): Buffer {
  if (size < minBytes || size > maxBytes) return Buffer.allocUnsafe(size)
  const capacity = 2 ** Math.ceil(Math.log2(size))
  const list = free.get(capacity)
  if (list !== undefined) {
    free.delete(capacity)
    free.set(capacity, list)
  }
  const recycled = list?.pop()
  if (recycled !== undefined) {
    freeBytes -= recycled.byteLength
    unusedBytes = Math.min(unusedBytes, freeBytes)
  }
  const memory = recycled ?? (Buffer.allocUnsafeSlow(capacity).buffer as ArrayBuffer)
  inUse.add(memory)
  return Buffer.from(memory, 0, size)
}

/**
 * Gives a frame's memory to frames to come. Not calling it costs time only; the garbage collector takes what is not
 * given back.
 * REQUIRES: nobody refers to the frame any more, nor to any part of it.
 */
export function recycleFrame(frame: Buffer): void {
  const memory = frame.buffer as ArrayBuffer
  if (!inUse.delete(memory) || !makeRoom(memory.byteLength)) return
  const list = free.get(memory.byteLength)
  if (list === undefined) free.set(memory.byteLength, [memory])
  else list.push(memory)
  freeBytes += memory.byteLength
  timer ??= setInterval(letGo, unusedMs).unref()
}

/** Lets go buffers of the kinds that nobody has asked for lately. False where those of this one fill all. */
function makeRoom(size: number): boolean {
  for (const [kind, list] of free) {
    while (freeBytes + size > keptBytes && kind !== size && list.length > 0) {
      list.pop()
      freeBytes -= kind
    }
  }
  unusedBytes = Math.min(unusedBytes, freeBytes)
  return freeBytes + size <= keptBytes
}

function letGo(): void {
  for (const list of free.values()) {
    while (unusedBytes > 0 && list.length > 0) {
      const { byteLength } = list.pop()!
      freeBytes -= byteLength
      unusedBytes -= byteLength
    }
  }
  unusedBytes = freeBytes
  if (freeBytes > 0) return
  clearInterval(timer)
  timer = undefined
}
