/**
 * How many bytes lie below an offset that the high watermark is still to pass. Bounded: of many marks every other is
 * dropped, and its bytes then count as passed a little later.
 */

interface Mark {
  readonly endOffset: number
  readonly bytes: number
}

const marksAtMost = 1024

export class ByteMarks {
  #marks: Mark[] = []

  /** All below `endOffset` are `bytes` bytes. REQUIRES: both rise. */
  add(endOffset: number, bytes: number): void {
    this.#marks.push({ endOffset, bytes })
    if (this.#marks.length > marksAtMost) {
      const newest = this.#marks.length - 1
      this.#marks = this.#marks.filter((_, index) => index % 2 === newest % 2)
    }
  }

  /** The bytes below the last mark up to `offset`, which goes; 0 without one. */
  passed(offset: number): number {
    let count = 0
    while (count < this.#marks.length && this.#marks[count]!.endOffset <= offset) count++
    return count === 0 ? 0 : this.#marks.splice(0, count).at(-1)!.bytes
  }

  clear(): void {
    this.#marks = []
  }
}
