// A broker under measurement. Everything that differs between brokers stands behind this interface.
export interface RunningPeer {
  readonly pid: number
  readonly bootstrap: string
  readonly dataDir: string
  /** From the start of the process to the first Metadata answer that lists the broker. */
  readonly readyMs: number
  /** A clean stop. */
  stop(): Promise<void>
  /** kill -9: the data folder stays as it is. */
  kill(): Promise<void>
}

/** What stands in the table's head. */
export interface Contender {
  readonly name: string
  /** What a reader must know to judge the figures. */
  readonly settings: string
  /** What acks=all means on this broker: decides whether the disk's limit is shown. */
  readonly acksAllOnDisk: boolean
}

export interface Peer extends Contender {
  /** Makes a data folder ready for the first start; not part of the ready time. */
  prepare(dataDir: string): Promise<void>
  /** Starts on a folder that prepare has seen; `topic` must have a leader before the peer counts as ready. */
  start(dataDir: string, topic?: string): Promise<RunningPeer>
}
