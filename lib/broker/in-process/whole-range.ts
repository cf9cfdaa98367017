/** An encoded response in one piece: what lies in files is read. */
import type { FileRange } from '../../native/types.js'
import { readRange } from '../../native/zerocopy.js'
import { isFileRange, releaseRanges } from '../../network/index.js'

/** Releases the ranges, whether it resolves or rejects. */
export async function readWhole(parts: readonly (Uint8Array | FileRange)[]): Promise<Uint8Array> {
  try {
    const [only] = parts
    if (parts.length === 1 && only instanceof Uint8Array) return only
    const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
    let at = 0
    for (const part of parts) {
      if (isFileRange(part)) await fill(whole.subarray(at, at + part.byteLength), part)
      else whole.set(part, at)
      at += part.byteLength
    }
    return whole
  } finally {
    releaseRanges(parts)
  }
}

async function fill(into: Uint8Array, range: FileRange): Promise<void> {
  for (let read = 0; read < into.byteLength; ) {
    const count = await readRange(range, read, into.subarray(read))
    if (count === 0) throw new Error('a log file has become shorter than what was found in it')
    read += count
  }
}
