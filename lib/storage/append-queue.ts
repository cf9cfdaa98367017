/**
 * The FIFO of a partition's submitted batches. Each is checked against what was submitted before it, then handed to
 * the engine, which appends in the same order.
 *
 * INVARIANT: `#pending` holds what the engine was given and has not answered, oldest first; completions come in that
 * order. When one is refused, the engine leaves all that were submitted after it untouched (PREVIOUS_REFUSED): they
 * are checked and submitted anew, in order, because they had been checked against a batch that was not appended.
 */
import { strict as assert } from 'node:assert'
import type { AppendOptions, AppendResult, NativeLog } from '../native/types.js'
import type { BatchIdentity } from './batch-identity.js'
import { isRefusal, toKafkaError } from './engine-errors.js'
import type { ProducerState, RememberedBatch } from './producer-state.js'

export interface AppendOutcome extends AppendResult {
  /** The batch had been appended before; offsets are those of then. */
  isDuplicate: boolean
}

export interface Submission {
  readonly records: Uint8Array
  readonly batch: BatchIdentity
  readonly options: Omit<AppendOptions, 'refusalsSeen'>
}

interface PendingAppend extends Submission {
  remembered: RememberedBatch | undefined
  refusalsSeen: number
  resolve: (outcome: AppendOutcome) => void
  reject: (error: Error) => void
  outcome: Promise<AppendOutcome>
}

export interface AppendListener {
  /** A batch, or a follower's run of them, has reached the page cache. Called in append order. */
  onAppended(result: AppendResult, submission: Submission): void
}

export class AppendQueue {
  readonly #native: NativeLog
  readonly #producers: ProducerState
  readonly #listener: AppendListener
  #pending: PendingAppend[] = []
  /** Appends that a duplicate may still have to wait for, by what is remembered of them. */
  readonly #underWay = new Map<RememberedBatch, Promise<AppendOutcome>>()
  #refusals = 0

  constructor(native: NativeLog, producers: ProducerState, listener: AppendListener) {
    this.#native = native
    this.#producers = producers
    this.#listener = listener
  }

  /** Resolves when the batch is in the page cache. Rejects with a KafkaError; nothing of the batch is stored then. */
  append(submission: Submission): Promise<AppendOutcome> {
    const { promise, resolve, reject } = withResolvers<AppendOutcome>()
    this.#submit({ ...submission, remembered: undefined, refusalsSeen: 0, resolve, reject, outcome: promise })
    return promise
  }

  /** Resolves when nothing is pending. */
  async settled(): Promise<void> {
    for (let last = this.#pending.at(-1); last; last = this.#pending.at(-1)) {
      await last.outcome.catch(() => {})
    }
  }

  #submit(append: PendingAppend): void {
    try {
      if (append.batch.producerId >= 0 && append.options.origin === 'leader') {
        const repeated = this.#producers.check(append.batch)
        if (repeated) {
          this.#answerDuplicate(append, repeated)
          return
        }
        append.remembered = this.#producers.submit(append.batch)
        this.#underWay.set(append.remembered, append.outcome)
      }
    } catch (error) {
      append.reject(error as Error)
      return
    }
    append.refusalsSeen = this.#refusals
    this.#pending.push(append)
    this.#native.append(append.records, { ...append.options, refusalsSeen: append.refusalsSeen }).then(
      (result) => this.#completed(append, result),
      (error: unknown) => this.#failed(append, error),
    )
  }

  #answerDuplicate(append: PendingAppend, repeated: RememberedBatch): void {
    const original = this.#underWay.get(repeated)
    if (original) {
      original.then((outcome) => append.resolve({ ...outcome, isDuplicate: true }), append.reject)
      return
    }
    append.resolve({
      baseOffset: repeated.baseOffset,
      lastOffset: repeated.lastOffset,
      logAppendTimeMs: repeated.timestampMs,
      maxTimestampMs: repeated.timestampMs,
      isDuplicate: true,
    })
  }

  #completed(append: PendingAppend, result: AppendResult): void {
    assert(this.#pending[0] === append, 'appends complete in the order of their submission')
    this.#pending.shift()
    if (append.remembered) {
      this.#underWay.delete(append.remembered)
      this.#producers.complete(
        append.batch.producerId,
        append.remembered,
        result.baseOffset,
        result.lastOffset,
        result.maxTimestampMs,
      )
    } else if (append.batch.producerId >= 0 && append.options.origin !== 'follower') {
      const { baseOffset, lastOffset } = result
      this.#producers.replay({ ...append.batch, baseOffset, lastOffset })
    }
    this.#listener.onAppended(result, append)
    append.resolve({ ...result, isDuplicate: false })
  }

  #failed(append: PendingAppend, error: unknown): void {
    // Submitted anew already, when the refusal before it was answered.
    if (this.#pending[0] !== append || append.refusalsSeen !== this.#refusals) return
    this.#producers.rollback()
    const [, ...behind] = this.#pending
    this.#pending = []
    for (const { remembered } of [append, ...behind]) if (remembered) this.#underWay.delete(remembered)
    append.reject(toKafkaError(error))
    if (isRefusal(error)) {
      this.#refusals++
      for (const next of behind) this.#submit({ ...next, remembered: undefined })
    } else {
      for (const next of behind) next.reject(toKafkaError(error))
    }
  }
}

interface Resolvers<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
}

function withResolvers<T>(): Resolvers<T> {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  // Whoever appended handles the rejection; a duplicate waiting on it must not make it an unhandled one.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
