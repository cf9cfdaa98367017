/**
 * Operations under way in the engine. The engine reports many completions by one call; their numbers stand in an
 * array that is used again and again.
 */
import { binding } from './binding.js'
import { engineError } from './errors.js'

/** Numbers of one completion: kind, operation or log, code, errno, four values. */
const STRIDE = 8
const CAPACITY = 1024
/** Position of the first value. */
export const VALUE = 4

const Kind = { OPERATION: 0, FLUSHED: 1, FAILED: 2, ROLLED: 3, APPENDED: 4, CUT: 5 } as const

export const numbers: Float64Array = new Float64Array(STRIDE * CAPACITY)
/** Where `LogHandle.read` leaves the first batch's offset and the range's length. */
export const scratch: Float64Array = new Float64Array(8)

/** Takes what an operation brings; values stand in `numbers` from `at + VALUE` on. */
export interface Operation {
  /** Memory that the engine works on until the completion. */
  readonly retained?: unknown
  succeed(at: number, payload: unknown): void
  fail(error: Error): void
}

/** Hears what happens to a log by itself. */
export interface LogListener {
  flushed(offset: number): void
  failed(error: Error): void
  rolled(baseOffset: number): void
  appended(endOffset: number): void
  cut(endOffset: number): void
}

const operations = new Map<number, Operation>()
const listeners = new Map<number, LogListener>()
let lastOperation = 0
let lastLog = 0
let started = false

function start(): void {
  started = true
  binding.start(onCompletions, numbers, scratch)
}

/** Registers an operation; its id goes to the engine in the same tick. */
export function begin(operation: Operation): number {
  if (!started) start()
  operations.set(++lastOperation, operation)
  return lastOperation
}

/** The id that the next `begin` gives: for calls that may turn out to be none. */
export function nextOperation(): number {
  if (!started) start()
  return lastOperation + 1
}

/** Starts an operation whose completion is turned into a promise. */
export function run<T>(
  call: (id: number) => void,
  result: (at: number, payload: unknown) => T,
  retained?: unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call(begin({ succeed: (at, payload) => resolve(result(at, payload)), fail: reject, retained }))
  })
}

export function addListener(listener: (id: number) => LogListener): number {
  const id = ++lastLog
  listeners.set(id, listener(id))
  return id
}

export function removeListener(id: number): void {
  listeners.delete(id)
}

function onCompletions(count: number, payloads: unknown[] | undefined): void {
  for (let i = 0, at = 0; i < count; i++, at += STRIDE) {
    const id = numbers[at + 1]!
    const code = numbers[at + 2]!
    const payload = payloads?.[i]
    const error = code === 0 ? undefined : engineError(code, numbers[at + 3]!, payload as string)
    if (numbers[at] === Kind.OPERATION) {
      const operation = operations.get(id)
      operations.delete(id)
      if (error) operation?.fail(error)
      else operation?.succeed(at, payload)
    } else {
      notify(id, numbers[at]!, numbers[at + VALUE]!, error)
    }
  }
}

/** A listener that throws is an uncaught exception of its own: the completions behind it still arrive. */
function notify(id: number, kind: number, value: number, error: Error | undefined): void {
  const listener = listeners.get(id)
  if (!listener) return
  try {
    if (kind === Kind.FLUSHED) listener.flushed(value)
    else if (kind === Kind.ROLLED) listener.rolled(value)
    else if (kind === Kind.APPENDED) listener.appended(value)
    else if (kind === Kind.CUT) listener.cut(value)
    else listener.failed(error!)
  } catch (thrown) {
    process.nextTick(() => {
      throw thrown
    })
  }
}
