/**
 * A machine's disk: logs with a page cache and a flushed position, and files that are replaced as a whole. A crash of
 * the process loses nothing that was written; a power cut loses what was not flushed, from some batch on.
 */
import { basename, dirname, join } from 'node:path'
import type {
  AppendOptions,
  AppendResult,
  BatchHeaders,
  FileRange,
  Files,
  NativeLog,
  OpenLogOptions,
  ReadOptions,
  ReadResult,
} from '../../lib/native/types.js'
import { BATCH_HEADER_SIZE, BatchHeader } from '../../lib/protocol/index.js'
import type { StorageEngine } from '../../lib/storage/index.js'
import type { Host, VirtualTime } from './virtual-time.js'

const noEntry = 2

export interface StoredBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly epoch: number
  readonly producerId: number
  readonly baseSequence: number
  readonly bytes: Buffer
}

/** What is told of a log, at the moment at which it happens. */
export interface DiskObserver {
  appended(disk: VirtualDisk, log: string, batch: StoredBatch): void
  /** All from `endOffset` on is gone: cut by the broker, or lost in a power cut. */
  cut(disk: VirtualDisk, log: string, endOffset: number, byPowerCut: boolean): void
  fault(what: string): void
}

export interface DiskSpeed {
  /** Of a write to the page cache. */
  writeMs: number
  flushMs: number
}

/** What lies on the disk of one log. */
export class StoredLog {
  batches: StoredBatch[] = []
  segmentBases = [0]
  flushedOffset = 0
  recoveryPointAtMost = Number.POSITIVE_INFINITY

  get startOffset(): number {
    return this.segmentBases[0]!
  }

  get endOffset(): number {
    const last = this.batches.at(-1)
    return last ? last.lastOffset + 1 : this.segmentBases.at(-1)!
  }

  /** The batch that holds `offset`, or the first one behind it. */
  indexOf(offset: number): number {
    let low = 0
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.batches[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  cut(offset: number): void {
    this.batches.length = this.indexOf(offset)
    this.segmentBases = this.segmentBases.filter((base, index) => index === 0 || base <= offset)
    this.flushedOffset = Math.min(this.flushedOffset, this.endOffset)
  }
}

export class VirtualDisk implements StorageEngine {
  readonly host: Host
  readonly speed: DiskSpeed
  readonly logs = new Map<string, StoredLog>()
  readonly #time: VirtualTime
  readonly #observer: DiskObserver
  readonly #contents = new Map<string, Uint8Array>()
  readonly #folders = new Set<string>()
  readonly #writes = new Map<string, Promise<void>>()

  constructor(time: VirtualTime, host: Host, speed: DiskSpeed, observer: DiskObserver) {
    this.#time = time
    this.host = host
    this.speed = speed
    this.#observer = observer
  }

  /** Without waiting; undefined without such a file. */
  contentOf(path: string): Uint8Array | undefined {
    return this.#contents.get(path)
  }

  exists(path: string): boolean {
    return this.#contents.has(path) || this.#folders.has(path)
  }

  /** Of each log stays what was flushed, and of the rest the first batches, as many as chance leaves. */
  cutPower(): void {
    for (const [path, log] of this.logs) {
      const from = log.indexOf(log.flushedOffset)
      const unflushed = log.batches.length - from
      if (unflushed === 0) continue
      const kept = from + this.#time.random.below(unflushed + 1)
      if (kept === log.batches.length) continue
      const end = log.batches[kept]!.baseOffset
      log.cut(end)
      this.#observer.cut(this, path, end, true)
    }
  }

  readonly openLog = async (path: string, options: OpenLogOptions): Promise<NativeLog> => {
    await this.#io(this.speed.writeMs)
    let log = this.logs.get(path)
    if (!log) {
      log = new StoredLog()
      this.logs.set(path, log)
      const { firstFile } = options
      if (firstFile) this.#contents.set(`${path}/${firstFile.name}`, Buffer.from(firstFile.text))
    }
    if (options.recoveryPoint > log.endOffset)
      this.#observer.fault(`${path} of ${this.host.name} ends at ${log.endOffset}, below its recovery point`)
    // Recovery flushes what it keeps.
    await this.#io(this.speed.flushMs)
    log.flushedOffset = log.endOffset
    return new VirtualLog(this, this.#time, this.#observer, path, log) as unknown as NativeLog
  }

  readonly readNames = async (folder: string): Promise<string[]> => {
    await this.#io(this.speed.writeMs)
    const names = new Set<string>()
    for (const path of [...this.#contents.keys(), ...this.#folders, ...this.logs.keys()]) {
      if (path.startsWith(`${folder}/`)) names.add(path.slice(folder.length + 1).split('/')[0]!)
    }
    return [...names]
  }

  readonly files: Files = {
    writeAtomically: (path, bytes) => {
      const copy = Buffer.from(bytes)
      const before = this.#writes.get(path) ?? Promise.resolve()
      const write = before
        .then(() => this.#io(this.speed.flushMs))
        .then(() => {
          this.#contents.set(path, copy)
        })
      this.#writes.set(path, write)
      return write
    },
    read: async (path) => {
      await this.#io(this.speed.writeMs)
      const bytes = this.#contents.get(path)
      if (!bytes) throw Object.assign(new Error(`no file ${path}`), { code: 'IO', errno: noEntry, path })
      return Buffer.from(bytes)
    },
    makeFolder: async (path) => {
      await this.#io(this.speed.flushMs)
      for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) this.#folders.add(folder)
    },
    remove: async (path) => {
      await this.#io(this.speed.writeMs)
      this.#contents.delete(path)
    },
    removeFolder: async (path) => {
      await this.#io(this.speed.writeMs)
      this.#move(path, undefined)
    },
    rename: async (from, to) => {
      await this.#io(this.speed.writeMs)
      this.#move(from, to)
    },
    syncFolder: () => this.#io(this.speed.flushMs),
    lock: async () => ({ release: async () => {} }),
  }

  /** Its process has ended: what waited for its turn is not written any more. */
  forgetWrites(): void {
    this.#writes.clear()
  }

  moveLog(path: string): void {
    this.#move(path, join(dirname(path), `${basename(path)}.gone-delete`))
  }

  /** After a random time around `ms`, unless the process ends before. */
  after(ms: number, what: string, work: () => void): void {
    if (this.#time.current !== this.host)
      this.#observer.fault(
        `code of ${this.host.name} runs outside of its machine: it waited for what is real`,
      )
    this.#time.schedule(this.host, this.spread(ms), what, work)
  }

  /** Mostly less than `ms`, at times ten times as much. */
  spread(ms: number): number {
    const { random } = this.#time
    return ms * random.next() * (random.chance(0.05) ? 10 : 1)
  }

  #io(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, 'file', resolve))
  }

  #move(from: string, to: string | undefined): void {
    for (const map of [this.#contents, this.logs] as Map<string, unknown>[]) {
      for (const [path, value] of [...map]) {
        if (path !== from && !path.startsWith(`${from}/`)) continue
        map.delete(path)
        if (to !== undefined) map.set(to + path.slice(from.length), value)
      }
    }
    for (const folder of [...this.#folders]) {
      if (folder !== from && !folder.startsWith(`${from}/`)) continue
      this.#folders.delete(folder)
      if (to !== undefined) this.#folders.add(to + folder.slice(from.length))
    }
  }
}

export interface VirtualRange extends FileRange {
  /** What lies there now. */
  bytes(): Buffer
}

const nothing: ReadResult = { range: null, firstBatchOffset: -1, byteLength: 0 }
const batchesPerSegment = 40

/** An open log, as the engine offers it: its threads work in virtual time. */
class VirtualLog {
  readonly recovery = { scannedBytes: 0, truncatedBytes: 0, rebuiltIndexes: 0 }
  readonly path: string
  onFlush: ((offset: number) => void) | undefined
  onFailure: ((error: Error) => void) | undefined
  onRoll: ((offset: number) => void) | undefined
  readonly #disk: VirtualDisk
  readonly #time: VirtualTime
  readonly #observer: DiskObserver
  readonly #log: StoredLog
  readonly #flushWaits: { offset: number; resolve: (offset: number) => void }[] = []
  #writtenAt = 0
  #toldAt = 0
  #isFlushing = false
  #isFlushWanted = false
  #cuts = 0
  #isRemoved = false

  constructor(disk: VirtualDisk, time: VirtualTime, observer: DiskObserver, path: string, log: StoredLog) {
    this.#disk = disk
    this.#time = time
    this.#observer = observer
    this.path = path
    this.#log = log
  }

  get firstSegmentOffset(): number {
    return this.#log.startOffset
  }

  get logEndOffset(): number {
    return this.#log.endOffset
  }

  get flushedOffset(): number {
    return this.#log.flushedOffset
  }

  get sizeInBytes(): number {
    return this.#log.batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  configure(): void {}

  append(bytes: Uint8Array, options: AppendOptions): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const { now } = this.#time
      // The writes of a log go one after the other, and so do the words of them.
      this.#writtenAt = Math.max(this.#writtenAt, now + this.#disk.spread(this.#disk.speed.writeMs))
      this.#toldAt = Math.max(this.#toldAt, this.#writtenAt + this.#disk.spread(this.#disk.speed.writeMs))
      this.#time.schedule(this.#disk.host, this.#writtenAt - now, 'write', () => {
        let result: AppendResult
        try {
          result = this.#write(Buffer.from(bytes), options)
        } catch (error) {
          reject(error as Error)
          return
        }
        if (options.flush) this.#wantFlush()
        this.#time.schedule(this.#disk.host, Math.max(0, this.#toldAt - this.#time.now), 'written', () =>
          resolve(result),
        )
      })
    })
  }

  flush(): Promise<number> {
    return new Promise((resolve) => {
      if (this.flushedOffset >= this.logEndOffset) {
        this.#disk.after(this.#disk.speed.writeMs, 'flushed', () => resolve(this.flushedOffset))
        return
      }
      this.#flushWaits.push({ offset: this.logEndOffset, resolve })
      this.#wantFlush()
    })
  }

  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult> {
    if (!this.#time.random.chance(0.05)) return this.#read(offset, options)
    // Cold pages are read on a thread of the engine.
    return new Promise((resolve, reject) => {
      this.#disk.after(this.#disk.speed.flushMs, 'read', () => {
        try {
          resolve(this.#read(offset, options))
        } catch (error) {
          reject(error as Error)
        }
      })
    })
  }

  async readBytes(offset: number, options: ReadOptions): Promise<Uint8Array> {
    const { range } = this.#read(offset, options)
    return range ? (range as VirtualRange).bytes() : Buffer.alloc(0)
  }

  async scanHeaders(from: number, to: number, maxBatches: number): Promise<BatchHeaders> {
    await new Promise<void>((resolve) => this.#disk.after(this.#disk.speed.writeMs, 'scan', resolve))
    const headers: Buffer[] = []
    let nextOffset = from
    const { batches } = this.#log
    for (let index = this.#log.indexOf(from); index < batches.length; index++) {
      const { baseOffset, lastOffset, bytes } = batches[index]!
      if (baseOffset >= to || headers.length === maxBatches) break
      headers.push(bytes.subarray(0, BATCH_HEADER_SIZE))
      nextOffset = lastOffset + 1
    }
    return { count: headers.length, headers: Buffer.concat(headers), nextOffset }
  }

  segments() {
    return this.#log.segmentBases.map((baseOffset, index, all) => ({
      baseOffset,
      sizeInBytes: 1,
      maxTimestampMs: -1,
      maxTimestampOffset: -1,
      lastModifiedMs: 0,
      active: index === all.length - 1,
    }))
  }

  async roll(): Promise<number> {
    const end = this.logEndOffset
    if (this.#log.segmentBases.at(-1) !== end) this.#roll(end)
    return end
  }

  async deleteSegmentsBefore(offset: number): Promise<number> {
    const { segmentBases } = this.#log
    const kept = segmentBases.filter((_, index) => (segmentBases[index + 1] ?? Infinity) > offset)
    const deleted = segmentBases.length - kept.length
    this.#log.segmentBases = kept
    this.#log.batches = this.#log.batches.filter(({ lastOffset }) => lastOffset >= kept[0]!)
    return deleted
  }

  truncate(offset: number): Promise<void> {
    return this.#change(() => {
      this.#log.cut(offset)
      if (this.#log.segmentBases.length === 1 && this.#log.segmentBases[0]! > offset)
        this.#log.segmentBases = [offset]
      this.#observer.cut(this.#disk, this.path, offset, false)
    })
  }

  reset(offset: number): Promise<void> {
    return this.#change(() => {
      this.#log.batches = []
      this.#log.segmentBases = [offset]
      this.#log.flushedOffset = offset
      this.#observer.cut(this.#disk, this.path, 0, false)
    })
  }

  async close(): Promise<void> {
    await this.flush()
  }

  async remove(): Promise<void> {
    await new Promise<void>((resolve) => this.#disk.after(this.#disk.speed.flushMs, 'remove', resolve))
    this.#isRemoved = true
    this.#disk.moveLog(this.path)
  }

  #write(bytes: Buffer, { origin, leaderEpoch }: AppendOptions): AppendResult {
    if (this.#isRemoved) throw Object.assign(new Error('removed'), { code: 'CLOSED', errno: 0 })
    let baseOffset = -1
    // As the engine does: before what would make the segment too large, never within it.
    const { batches, segmentBases } = this.#log
    const active = batches.length - this.#log.indexOf(segmentBases.at(-1)!)
    if (active >= batchesPerSegment) this.#roll(this.logEndOffset)
    for (let at = 0; at < bytes.length; ) {
      const size = new BatchHeader(bytes, at).sizeInBytes
      const copy = Buffer.from(bytes.subarray(at, at + size))
      at += size
      if (origin !== 'follower') {
        copy.writeBigInt64BE(BigInt(this.logEndOffset), 0)
        copy.writeInt32BE(leaderEpoch, 12)
      }
      const header = new BatchHeader(copy)
      const batch: StoredBatch = {
        baseOffset: Number(header.baseOffset),
        lastOffset: Number(header.baseOffset) + header.lastOffsetDelta,
        epoch: header.partitionLeaderEpoch,
        producerId: Number(header.producerId),
        baseSequence: header.baseSequence,
        bytes: copy,
      }
      if (batch.baseOffset !== this.logEndOffset) {
        this.#observer.fault(
          `${this.path} of ${this.#disk.host.name}: ${batch.baseOffset} was to follow ${this.logEndOffset}`,
        )
        throw Object.assign(new Error('not at the log end'), { code: 'INVALID_ARGUMENT', errno: 0 })
      }
      if (baseOffset < 0) baseOffset = batch.baseOffset
      this.#log.batches.push(batch)
      this.#observer.appended(this.#disk, this.path, batch)
    }
    return { baseOffset, lastOffset: this.logEndOffset - 1, logAppendTimeMs: -1, maxTimestampMs: 0 }
  }

  #roll(baseOffset: number): void {
    this.#log.segmentBases.push(baseOffset)
    // Told before the append that brought it about.
    this.#time.schedule(this.#disk.host, 0, 'rolled', () => this.onRoll?.(baseOffset))
  }

  /** One flush at a time; it covers what was written before it began. */
  #wantFlush(): void {
    if (this.#isFlushing) {
      this.#isFlushWanted = true
      return
    }
    this.#isFlushing = true
    const covered = this.logEndOffset
    const cuts = this.#cuts
    this.#disk.after(this.#disk.speed.flushMs, 'flush', () => {
      this.#isFlushing = false
      if (cuts === this.#cuts) {
        this.#log.flushedOffset = Math.max(this.#log.flushedOffset, Math.min(covered, this.logEndOffset))
      } else this.#isFlushWanted = true
      const flushed = this.flushedOffset
      const over = this.#flushWaits.filter(({ offset }) => offset <= flushed || offset > this.logEndOffset)
      for (const wait of over) this.#flushWaits.splice(this.#flushWaits.indexOf(wait), 1)
      this.#disk.after(this.#disk.speed.writeMs, 'flushed', () => {
        this.onFlush?.(flushed)
        for (const { resolve } of over) resolve(flushed)
      })
      if (!this.#isFlushWanted) return
      this.#isFlushWanted = false
      this.#wantFlush()
    })
  }

  #change(work: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#disk.after(this.#disk.speed.flushMs, 'cut', () => {
        this.#cuts++
        work()
        this.#disk.after(this.#disk.speed.writeMs, 'was cut', resolve)
      })
    })
  }

  #read(offset: number, { maxBytes, minOneBatch, maxOffset }: ReadOptions): ReadResult {
    if (offset < this.firstSegmentOffset || offset > this.logEndOffset)
      throw Object.assign(new Error(`no offset ${offset}`), { code: 'OFFSET_OUT_OF_RANGE', errno: 0 })
    const { batches } = this.#log
    const first = this.#log.indexOf(offset)
    const found: StoredBatch[] = []
    let size = 0
    for (let index = first; index < batches.length && batches[index]!.lastOffset < maxOffset; index++) {
      const batch = batches[index]!
      if (size >= maxBytes && !(found.length === 0 && minOneBatch)) break
      found.push(batch)
      size += batch.bytes.length
    }
    if (found.length === 0) return nothing
    // The end may cut a batch, but for the first one.
    const byteLength = Math.min(size, Math.max(maxBytes, minOneBatch ? found[0]!.bytes.length : 0))
    const range: VirtualRange = {
      byteLength,
      bytes: () => Buffer.concat(found.map(({ bytes }) => bytes)).subarray(0, byteLength),
      release: () => {},
    }
    return { range, firstBatchOffset: found[0]!.baseOffset, byteLength }
  }
}
