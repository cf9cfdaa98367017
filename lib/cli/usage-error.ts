/** The command line was not understood; the message says how to put it right. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
