/** A frame that cannot be understood: its connection is closed, with one log line, and no other is. */
export class MalformedFrameError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MalformedFrameError'
  }
}
