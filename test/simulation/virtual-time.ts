/**
 * Virtual time for the machines of one schedule. What Node offers of time, chance, sockets and file names is replaced for the
 * whole process while a step runs, so that the broker's own code runs as it is; which machine it runs on is known
 * because a step, with all the microtasks that it brings, belongs to one machine alone.
 */
import crypto from 'node:crypto'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import timersPromises from 'node:timers/promises'
import v8 from 'node:v8'
import type { Random } from '../support/random.js'

export interface Step {
  at: number
  readonly order: number
  readonly host: Host
  readonly generation: number
  readonly what: string
  readonly work: () => void
  isCancelled: boolean
}

/** How virtual sockets are made on this machine. */
export type Connect = (port: number, host: string) => unknown

const epoch = 1_700_000_000_000
/** Longer delays become 1 ms, as Node has it. */
const longestDelay = 2 ** 31 - 1

/** A machine with at most one process, whose code runs in steps. */
export class Host {
  readonly name: string
  /** Rises with each process: what an earlier one was to do is not done any more. */
  generation = 0
  isRunning = false
  /** Stopped by a signal, or asleep: steps wait. */
  isPaused = false
  connect: Connect = () => {
    throw new Error('this machine has no network')
  }
  /** Whether there is such a file or folder on its disk, and what a file holds. */
  exists: (path: string) => boolean = () => false
  read: (path: string) => Uint8Array | undefined = () => undefined
  /** By how much the wall clock is wrong. */
  wallOffset = 0
  /** For how long the machine has slept: its monotonic clock stood still. */
  slept = 0
  readonly timers = new Set<VirtualTimer>()
  waiting: Step[] = []

  constructor(name: string) {
    this.name = name
  }
}

export class VirtualTimer {
  step: Step | undefined
  readonly #time: VirtualTime
  readonly #host: Host

  constructor(time: VirtualTime, host: Host, delayMs: number, work: () => void) {
    this.#time = time
    this.#host = host
    const inTime = delayMs >= 1 && delayMs <= longestDelay ? delayMs : 1
    host.timers.add(this)
    this.step = time.schedule(host, inTime + time.lateness(), 'timer', () => {
      host.timers.delete(this)
      work()
    })
  }

  /** The machine slept: its timers did not run. */
  shift(ms: number): void {
    if (!this.step || this.step.isCancelled) return
    const { work, at } = this.step
    this.step.isCancelled = true
    this.step = this.#time.schedule(this.#host, Math.max(0, at + ms - this.#time.now), 'timer', work)
  }

  cancel(): void {
    if (this.step) this.step.isCancelled = true
    this.#host.timers.delete(this)
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return false
  }
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  dateNow: Date.now,
  performanceNow: performance.now.bind(performance),
  mathRandom: Math.random,
  delay: timersPromises.setTimeout,
  turn: timersPromises.setImmediate,
  uptime: os.uptime,
  connect: net.connect,
  access: fsPromises.access,
  readFile: fsPromises.readFile,
  randomBytes: crypto.randomBytes,
  randomInt: crypto.randomInt,
}

/** The clock of the test itself. */
export const realNow = real.performanceNow

/** Runs until no microtask is left. Turns of the event loop do so too, at ten times the cost. */
const runMicrotasks = microtaskCheckpoint()
/** Steps between turns of the event loop, which others in the process wait for. */
const stepsPerTurn = 500

export class VirtualTime {
  /** In ms since the schedule began. */
  now = 0
  steps = 0
  /** The machine whose code runs. */
  current: Host | undefined
  readonly random: Random
  /** Timers may be late by so much, all of them. */
  latenessMs = 1
  onStep: ((step: Step) => void) | undefined
  readonly #heap: Step[] = []
  #order = 0

  constructor(random: Random) {
    this.random = random
  }

  lateness(): number {
    return this.random.next() * this.latenessMs
  }

  /** Has `work` done on the machine after `delayMs`, unless its process ends before. */
  schedule(host: Host, delayMs: number, what: string, work: () => void): Step {
    const step: Step = {
      at: this.now + delayMs,
      order: this.#order++,
      host,
      generation: host.generation,
      what,
      work,
      isCancelled: false,
    }
    this.#push(step)
    return step
  }

  pause(host: Host): void {
    host.isPaused = true
  }

  /** `slept`: for how long its monotonic clock stood still. */
  resume(host: Host, slept: number): void {
    if (!host.isPaused) return
    host.isPaused = false
    host.slept += slept
    if (slept > 0) for (const timer of [...host.timers]) timer.shift(slept)
    for (const step of host.waiting.splice(0)) {
      if (step.isCancelled) continue
      step.at = this.now
      this.#push(step)
    }
  }

  /** Its process ends: nothing that it was to do is done any more. */
  end(host: Host): void {
    host.generation++
    host.isRunning = false
    host.isPaused = false
    host.waiting = []
    host.timers.clear()
  }

  /** Runs steps until `isOver`, or until `until`; false where time ran out, or nothing is left to be done. */
  run(until: number, isOver: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          const result = this.#turn(until, isOver)
          if (result === undefined) real.setImmediate(turn)
          else resolve(result)
        } catch (error) {
          reject(error as Error)
        }
      }
      real.setImmediate(turn)
    })
  }

  /** Undefined where there is more to do. REQUIRES: no microtask runs. */
  #turn(until: number, isOver: () => boolean): boolean | undefined {
    for (let steps = 0; steps < stepsPerTurn; steps++) {
      if (isOver()) return true
      const step = this.#pop()
      if (!step || step.at > until) {
        if (step) this.#push(step)
        this.now = until
        return false
      }
      if (step.isCancelled || step.generation !== step.host.generation) continue
      if (step.host.isPaused) {
        step.host.waiting.push(step)
        continue
      }
      this.now = Math.max(this.now, step.at)
      this.steps++
      this.current = step.host
      step.work()
      runMicrotasks()
      this.onStep?.(step)
      this.current = undefined
    }
    return undefined
  }

  /** Replaces what Node offers. Returns how to give it back. */
  install(): () => void {
    const inHost =
      <Args extends unknown[], R>(virtual: (host: Host, ...args: Args) => R, other: (...args: Args) => R) =>
      (...args: Args): R =>
        this.current ? virtual(this.current, ...args) : other(...args)
    const virtual = {
      setTimeout: inHost(
        (host, work: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
          new VirtualTimer(this, host, ms, () => work(...args)) as unknown,
        real.setTimeout as (work: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => unknown,
      ),
      clearTimeout: (timer: unknown) => {
        if (timer instanceof VirtualTimer) timer.cancel()
        else real.clearTimeout(timer as NodeJS.Timeout)
      },
      setImmediate: inHost(
        (host, work: (...args: unknown[]) => void, ...args: unknown[]) =>
          this.schedule(host, this.random.next() * 0.05, 'immediate', () => work(...args)) as unknown,
        real.setImmediate as (work: (...args: unknown[]) => void, ...args: unknown[]) => unknown,
      ),
    }
    Object.assign(globalThis, virtual)
    Date.now = inHost((host) => Math.floor(epoch + this.now + host.wallOffset), real.dateNow)
    performance.now = inHost((host) => this.now - host.slept, real.performanceNow)
    Math.random = inHost(() => this.random.next(), real.mathRandom)
    const delay = inHost(
      (host, ms?: number, value?: unknown) =>
        new Promise<unknown>((resolve) => new VirtualTimer(this, host, ms ?? 1, () => resolve(value))),
      real.delay as (ms?: number, value?: unknown) => Promise<unknown>,
    )
    const turn = inHost(
      (_host, value?: unknown) => new Promise<unknown>((resolve) => setImmediate(() => resolve(value))),
      real.turn as (value?: unknown) => Promise<unknown>,
    )
    Object.assign(timersPromises, { setTimeout: delay, setImmediate: turn })
    Object.assign(os, { uptime: inHost(() => this.now / 1_000, real.uptime) })
    Object.assign(net, {
      connect: inHost(
        (host, to: number | { port: number; host: string }, address = '') =>
          typeof to === 'number' ? host.connect(to, address) : host.connect(to.port, to.host),
        real.connect as unknown as (to: number | { port: number; host: string }, address?: string) => unknown,
      ),
    })
    Object.assign(fsPromises, {
      access: inHost(
        async (host, path: string) => {
          if (!host.exists(path)) throw noFile(path)
        },
        real.access as (path: string) => Promise<void>,
      ),
      readFile: inHost(
        async (host, path: string, encoding?: BufferEncoding) => {
          const bytes = host.read(path)
          if (!bytes) throw noFile(path)
          return encoding ? Buffer.from(bytes).toString(encoding) : Buffer.from(bytes)
        },
        real.readFile as (path: string, encoding?: BufferEncoding) => Promise<string | Buffer<ArrayBuffer>>,
      ),
    })
    Object.assign(crypto, {
      randomBytes: inHost(
        (_host, size: number) => Buffer.from(Array.from({ length: size }, () => this.random.below(256))),
        real.randomBytes as (size: number) => Buffer<ArrayBuffer>,
      ),
      randomInt: inHost(
        (_host, from: number, to: number) => from + this.random.below(to - from),
        real.randomInt as (from: number, to: number) => number,
      ),
    })
    syncBuiltinESMExports()
    return () => {
      globalThis.setTimeout = real.setTimeout
      globalThis.clearTimeout = real.clearTimeout
      globalThis.setImmediate = real.setImmediate
      Date.now = real.dateNow
      performance.now = real.performanceNow
      Math.random = real.mathRandom
      Object.assign(timersPromises, { setTimeout: real.delay, setImmediate: real.turn })
      Object.assign(os, { uptime: real.uptime })
      Object.assign(net, { connect: real.connect })
      Object.assign(fsPromises, { access: real.access, readFile: real.readFile })
      Object.assign(crypto, { randomBytes: real.randomBytes, randomInt: real.randomInt })
      syncBuiltinESMExports()
    }
  }

  #push(step: Step): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(step)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(step, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = step
  }

  #pop(): Step | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
    return first
  }
}

function noFile(path: string): Error {
  return Object.assign(new Error(`no file ${path}`), { code: 'ENOENT' })
}

function microtaskCheckpoint(): () => void {
  v8.setFlagsFromString('--allow-natives-syntax')
  const checkpoint = new Function('%PerformMicrotaskCheckpoint()') as () => void
  v8.setFlagsFromString('--no-allow-natives-syntax')
  return checkpoint
}

function isBefore(a: Step, b: Step): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
