/**
 * Turns the bytes of one connection into frames: a 4-byte big-endian size, then so many bytes.
 *
 * Between frames, and for small ones, bytes are read into a scratch buffer that all connections share, and
 * copied out at their exact size: an idle connection holds no buffer, and a small frame pins no large one. Once a
 * frame is begun, what follows is read straight into its own buffer. That buffer is at most twice the bytes
 * received (or a small start), never the size announced.
 */

import type { BudgetUser, FrameBudget, FrameClaim } from './frame-budget.js'
import { recycleFrame, takeFrame } from './frame-pool.js'

/** Who takes the frames of one connection. */
export interface FrameSink {
  /** A whole frame; the sink owns the buffer, and gives `cost` back to the budget when it is done with it. */
  frame(frame: Buffer, cost: number): void
  /** The announced size is negative or above `maxFrameBytes`. */
  oversized(size: number): void
  /** A begun frame does not arrive fast enough while others wait for its memory. */
  tooSlow(size: number): void
  /** Reading of the socket has to stop, or may go on: `FrameReader.stopped` has changed. */
  flow(stopped: boolean): void
}

/** Shared by all connections of the thread: a read is taken out of it before the next one starts. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)
const smallScratch = scratch.subarray(0, 4 * 1024)

const noBytes = Buffer.alloc(0)

/** A begun frame starts with this much, unless its connection has sent a larger one before. */
const startBytes = 16 * 1024
/** Upper bound of what an earlier frame of the connection is taken to promise. */
const trustBytes = 1024 * 1024
/** What a frame costs beside its bytes: its request's objects while it is handled. */
const frameOverhead = 512

export class FrameReader implements BudgetUser {
  readonly #sink: FrameSink
  readonly #budget: FrameBudget
  readonly #claim: FrameClaim
  /** Read at each frame, so that a changed setting takes effect. */
  readonly #limits: { readonly maxRequestBytes: number }

  #headerBytes = 0
  #size = 0
  #frame: Buffer | undefined
  #filled = 0
  /** What the frame's buffer is to grow to. */
  #capacity = 0
  #lastSize = 0
  /** Bytes received after reading was stopped. */
  #rest: Buffer | undefined
  #stoppedBySink = false
  #heldByBudget = false
  #awaitsGrant = false
  #closed = false
  #stopped = false
  #parsing = false

  constructor(sink: FrameSink, budget: FrameBudget, limits: { readonly maxRequestBytes: number }) {
    this.#sink = sink
    this.#budget = budget
    this.#limits = limits
    this.#claim = budget.join(this)
  }

  /** True while the socket must not be read. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** True while a frame, or its size, has arrived in part. */
  get midFrame(): boolean {
    return this.#headerBytes > 0 || this.#frame !== undefined
  }

  /** Bytes of the begun frame that have arrived. */
  get frameBytes(): number {
    return this.#filled
  }

  /** True while a frame waits for memory or for its turn: its client is not to blame. */
  get waits(): boolean {
    return this.#awaitsGrant || this.#heldByBudget || this.#stoppedBySink
  }

  /**
   * Where the next bytes are to be read.
   * INVARIANT: a part of the frame is given only while nothing but the next read can change what comes next: not
   * while reading is stopped, for what waits goes before it.
   */
  target(): Buffer {
    const frame = this.#frame
    if (frame === undefined || this.#filled === frame.length || this.#mustStop()) {
      return this.#budget.crowded ? smallScratch : scratch
    }
    return frame.subarray(this.#filled)
  }

  /** `count` bytes were read into what `target` last returned. */
  received(count: number, target: Uint8Array): void {
    if (this.#closed) return
    if (target.buffer === scratch.buffer) {
      this.#parse(scratch, count)
      return
    }
    this.#filled += count
    this.#claim.received = this.#filled
    this.#afterFill()
  }

  /** Bytes that were read elsewhere; they are copied. */
  push(chunk: Buffer): void {
    if (!this.#closed) this.#parse(chunk, chunk.length)
  }

  /** The sink takes no more frames for now, or does again. What has been received stays here. */
  setStopped(stopped: boolean): void {
    this.#stoppedBySink = stopped
    this.#update()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#frame = undefined
    if (this.#rest !== undefined) this.#budget.unstash(this.#rest.length)
    this.#rest = undefined
    this.#budget.leave(this.#claim)
  }

  hold(): void {
    this.#heldByBudget = true
    this.#update()
  }

  resume(): void {
    this.#heldByBudget = false
    this.#update()
  }

  granted(): void {
    this.#awaitsGrant = false
    // What lost its turn holds what it grew to, and the next read may be on its way there.
    const frame = this.#frame!
    if (frame.length < this.#capacity) this.#enlarge(frame)
    this.#update()
  }

  proceed(): void {
    this.#awaitsGrant = false
    this.#update()
  }

  wait(): void {
    this.#awaitsGrant = true
    this.#update()
  }

  tooSlow(): void {
    this.#sink.tooSlow(this.#size)
  }

  #update(): void {
    if (this.#closed || this.#parsing) return
    while (!this.#mustStop() && this.#rest !== undefined) {
      const rest = this.#rest
      this.#rest = undefined
      this.#budget.unstash(rest.length)
      this.#parse(rest, rest.length)
      if (this.#closed) return
    }
    const stopped = this.#mustStop()
    if (stopped === this.#stopped) return
    this.#stopped = stopped
    this.#sink.flow(stopped)
  }

  #mustStop(): boolean {
    return this.#stoppedBySink || this.#heldByBudget || this.#awaitsGrant
  }

  #parse(bytes: Buffer, end: number): void {
    let at = 0
    this.#parsing = true
    if (this.#rest !== undefined) {
      // A read that was under way when reading was stopped: it queues behind what waits already.
      bytes = Buffer.concat([this.#rest, bytes.subarray(0, end)])
      this.#budget.unstash(this.#rest.length)
      this.#rest = undefined
      end = bytes.length
    }
    while (at < end && !this.#closed && !this.#mustStop()) {
      if (this.#frame !== undefined) {
        const count = Math.min(this.#frame.length - this.#filled, end - at)
        bytes.copy(this.#frame, this.#filled, at, at + count)
        at += count
        this.#filled += count
        this.#claim.received = this.#filled
        this.#afterFill()
      } else if (this.#headerBytes < 4) {
        if (this.#headerBytes === 0 && end - at >= 4) {
          this.#size = bytes.readInt32BE(at)
          this.#headerBytes = 4
          at += 4
        } else {
          this.#size = (this.#size << 8) | bytes[at++]!
          this.#headerBytes++
        }
        if (this.#headerBytes === 4 && (this.#size < 0 || this.#size > this.#limits.maxRequestBytes)) {
          this.#sink.oversized(this.#size)
          break
        }
        // An empty frame is whole with its size alone.
        if (this.#headerBytes === 4 && this.#size === 0) this.#deliver(Buffer.alloc(0))
      } else if (end - at >= this.#size) {
        const frame = takeFrame(this.#size)
        bytes.copy(frame, 0, at, at + this.#size)
        at += this.#size
        this.#deliver(frame)
      } else {
        this.#begin(end - at)
      }
    }
    if (at < end && !this.#closed) {
      this.#rest = Buffer.from(bytes.subarray(at, end))
      this.#budget.stash(this.#rest.length)
    }
    this.#parsing = false
    this.#update()
  }

  /** A frame that has not arrived whole gets a buffer of its own, for `available` bytes now. */
  #begin(available: number): void {
    const trusted = this.#budget.roomy ? Math.min(this.#lastSize, trustBytes) : 0
    this.#claim.announced = this.#size
    this.#claim.received = 0
    this.#filled = 0
    this.#frame = noBytes
    this.#grow(noBytes, Math.min(this.#size, Math.max(startBytes, 2 * available, trusted)))
  }

  #afterFill(): void {
    const frame = this.#frame!
    if (this.#filled < frame.length) return
    if (this.#filled < this.#size) {
      this.#grow(frame, Math.min(this.#size, Math.max(startBytes, 2 * frame.length)))
      return
    }
    this.#frame = undefined
    this.#lastSize = this.#size
    const cost = this.#size + frameOverhead
    this.#budget.complete(this.#claim, cost)
    this.#headerBytes = 0
    this.#filled = 0
    this.#sink.frame(frame, cost)
  }

  #grow(frame: Buffer, capacity: number): void {
    this.#capacity = capacity
    if (this.#budget.grow(this.#claim, capacity - frame.length)) {
      this.#enlarge(frame)
    } else {
      this.#awaitsGrant = true
      this.#update()
    }
  }

  #enlarge(frame: Buffer): void {
    const larger = takeFrame(this.#capacity)
    frame.copy(larger, 0, 0, this.#filled)
    recycleFrame(frame)
    this.#frame = larger
  }

  #deliver(frame: Buffer): void {
    const cost = frame.length + frameOverhead
    this.#headerBytes = 0
    this.#lastSize = frame.length
    this.#budget.take(cost)
    this.#sink.frame(frame, cost)
  }
}
