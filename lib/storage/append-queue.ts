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

class PendingAppend {
  readonly submission: Submission
  readonly outcome: Promise<AppendOutcome>
  remembered: RememberedBatch | undefined
  resolve!: (outcome: AppendOutcome) => void
  reject!: (error: Error) => void

  constructor(submission: Submission) {
    this.submission = submission
    this.outcome = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // Whoever appended handles the rejection; a duplicate waiting on it must not make it an unhandled one.
    this.outcome.catch(() => {})
  }
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
    const append = new PendingAppend(submission)
    this.#submit(append)
    return append.outcome
  }

  /** Resolves when nothing is pending. */
  async settled(): Promise<void> {
    for (let last = this.#pending.at(-1); last; last = this.#pending.at(-1)) {
      await last.outcome.catch(() => {})
    }
  }

  #submit(append: PendingAppend): void {
    const { records, batch, options } = append.submission
    append.remembered = undefined
    try {
      if (batch.producerId >= 0 && options.origin === 'leader') {
        const repeated = this.#producers.check(batch)
        if (repeated) {
          this.#answerDuplicate(append, repeated)
          return
        }
        append.remembered = this.#producers.submit(batch)
        this.#underWay.set(append.remembered, append.outcome)
      }
    } catch (error) {
      append.reject(error as Error)
      return
    }
    this.#pending.push(append)
    const refusalsSeen = this.#refusals
    const { leaderEpoch, origin, flush } = options
    this.#native.append(records, { leaderEpoch, origin, flush, refusalsSeen }).then(
      (result) => this.#completed(append, result),
      (error: unknown) => this.#failed(append, refusalsSeen, error),
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
    const { submission, remembered } = append
    const { batch, options } = submission
    const { baseOffset, lastOffset, logAppendTimeMs, maxTimestampMs } = result
    if (remembered) {
      this.#underWay.delete(remembered)
      this.#producers.complete(batch.producerId, remembered, baseOffset, lastOffset, maxTimestampMs)
    } else if (batch.producerId >= 0 && options.origin !== 'follower') {
      this.#producers.replay({ ...batch, baseOffset, lastOffset })
    }
    this.#listener.onAppended(result, submission)
    append.resolve({ baseOffset, lastOffset, logAppendTimeMs, maxTimestampMs, isDuplicate: false })
  }

  #failed(append: PendingAppend, refusalsSeen: number, error: unknown): void {
    // Submitted anew already, when the refusal before it was answered.
    if (this.#pending[0] !== append || refusalsSeen !== this.#refusals) return
    this.#producers.rollback()
    const [, ...behind] = this.#pending
    this.#pending = []
    for (const { remembered } of [append, ...behind]) if (remembered) this.#underWay.delete(remembered)
    append.reject(toKafkaError(error))
    if (isRefusal(error)) {
      this.#refusals++
      for (const next of behind) this.#submit(next)
    } else {
      for (const next of behind) next.reject(toKafkaError(error))
    }
  }
}
