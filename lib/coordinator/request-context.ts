/** What the coordinator must know of a request beside its fields. */
export interface RequestContext {
  /** Version of the API: some rules differ between versions, not only the encoding. */
  readonly version: number
  /** From the request header. */
  readonly clientId: string | null
  /** The client's address, as `127.0.0.1`. */
  readonly clientAddress: string
}
