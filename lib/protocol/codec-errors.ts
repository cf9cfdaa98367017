/**
 * How the codec fails. Neither error ever leaves a frame half read or half written in the caller's hands.
 */

/** Bytes that do not hold the message they are said to hold. A peer that sends them is cut off. */
export class MalformedFrameError extends Error {
  override readonly name = 'MalformedFrameError'
}

/** A value that does not fit its message; the text names the field's path. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError'
}
