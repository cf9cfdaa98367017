/** What handlers may know of the connection that a request came over. */
export interface ClientConnection {
  readonly id: string
  readonly listenerName: string
  readonly remoteAddress: string
  readonly principal: string
  clientSoftware: { name: string; version: string }
  /** What the broker keeps for as long as the connection lasts. */
  readonly state: Map<unknown, unknown>
  onClose(callback: () => void): () => void
  close(reason: string): void
}
