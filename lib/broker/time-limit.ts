/** Answers that come in time, or not at all. */
import { KafkaError } from '../protocol/errors.js'
import { clearTimeout, setTimeout } from '../time/index.js'

/** What `work` resolves with, or REQUEST_TIMED_OUT after `timeoutMs`; 0 sets no bound. The work itself goes on. */
export function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  if (timeoutMs <= 0) return work
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new KafkaError('REQUEST_TIMED_OUT', `Not acknowledged within ${timeoutMs} ms.`)),
      timeoutMs,
    )
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error as Error)
      },
    )
  })
}
