/** Why a client in the broker's process sent nothing, or had no answer. */
export type BrokerClientErrorCode =
  /** The client, or its broker, was closed. */
  | 'CLOSED'
  /** As many requests as may wait do so already. */
  | 'TOO_MANY_REQUESTS'
  /** The broker does not serve the API, or not in this version. */
  | 'NOT_SERVED'

/** What `BrokerClient.send` rejects with where a request got no answer; `code` says why. */
export class BrokerClientError extends Error {
  readonly code: BrokerClientErrorCode

  constructor(code: BrokerClientErrorCode, message: string) {
    super(message)
    this.name = 'BrokerClientError'
    this.code = code
  }
}
