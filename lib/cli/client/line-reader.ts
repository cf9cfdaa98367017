/** Splits a stream into lines of bytes; a line that would outgrow a bound is a failure, so memory stays bounded. */
import type { Readable } from 'node:stream'

const NEWLINE = 0x0a
const RETURN = 0x0d

/** Yields the lines of each chunk together: one wake-up for each chunk, not for each line. */
export async function* readLines(input: Readable, maxBytes: number): AsyncGenerator<Buffer[]> {
  const parts: Buffer[] = []
  let partBytes = 0
  let number = 0
  for await (const piece of input) {
    const chunk: Buffer = Buffer.isBuffer(piece) ? piece : Buffer.from(piece)
    const lines: Buffer[] = []
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, at))
      lines.push(withoutReturn(parts.length === 1 ? parts[0]! : Buffer.concat(parts)))
      number++
      parts.length = 0
      partBytes = 0
      from = at + 1
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from))
      partBytes += chunk.length - from
      if (partBytes > maxBytes) {
        throw new Error(`line ${number + 1} is longer than max.request.size, ${maxBytes} bytes`)
      }
    }
    if (lines.length > 0) yield lines
  }
  if (parts.length > 0) yield [withoutReturn(Buffer.concat(parts))]
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line
}
