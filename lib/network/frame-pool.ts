/**
 * Memory for large frames, used again once a handler says that it is done with one. Fresh memory of that size comes
 * from the kernel page by page, which takes about as long as reading the frame.
 */

const minBytes = 256 * 1024
const maxBytes = 4 * 1024 * 1024
/** Buffers come in multiples of this, so that frames of about the same size share them. */
const stepBytes = 128 * 1024
/** What is kept for use, at most. */
const keptBytes = 16 * 1024 * 1024
/** What has not been needed for so long is let go. */
const unusedMs = 5_000

/** Free buffers by their number of steps. */
const free = new Map<number, ArrayBuffer[]>()
/** Handed out and not given back: a second `recycleFrame` of the same frame changes nothing. */
const inUse = new WeakSet<ArrayBufferLike>()
let freeBytes = 0
/** The least that was free since the timer last looked. */
let unusedBytes = 0
let timer: NodeJS.Timeout | undefined

/** `size` bytes of unknown content. */
export function takeFrame(size: number): Buffer {
  if (size < minBytes || size > maxBytes) return Buffer.allocUnsafeSlow(size)
  const steps = Math.ceil(size / stepBytes)
  const recycled = free.get(steps)?.pop()
  if (recycled !== undefined) {
    freeBytes -= recycled.byteLength
    unusedBytes = Math.min(unusedBytes, freeBytes)
  }
  const memory = recycled ?? (Buffer.allocUnsafeSlow(steps * stepBytes).buffer as ArrayBuffer)
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
  if (!inUse.delete(memory) || freeBytes + memory.byteLength > keptBytes) return
  const steps = memory.byteLength / stepBytes
  const list = free.get(steps)
  if (list === undefined) free.set(steps, [memory])
  else list.push(memory)
  freeBytes += memory.byteLength
  timer ??= setInterval(letGo, unusedMs).unref()
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
