/**
 * What a log is told when it is opened and tells while it is open: where its state between two openings is kept.
 *
 * `Log.open` keeps it in the log's own folder (log-folder.ts). Whoever has many logs under one folder, with one lock
 * and one recovery checkpoint for all, implements this and opens them by `Log.openOn(path, host, options)`.
 */

export interface LogHost {
  /** All below it is on disk: it is not scanned. 0 for a new log, −1 where nothing is known. */
  readonly recoveryPoint: number
  /** The last owner closed the log cleanly: nothing is scanned. */
  readonly cleanShutdown: boolean
  /** First offset that readers may see. */
  readonly logStartOffset: number

  /** Resolves when the offset is on disk: the segments below are deleted only then. Offsets only rise. */
  writeLogStartOffset(offset: number): Promise<void>
  /**
   * All below `recoveryPoint` is on disk. Called before compaction, which relies on it: resolves when the next opening is sure to learn of it. It falls only by `truncate`.
   */
  writeRecoveryPoint(recoveryPoint: number): Promise<void>
  /** The same, but the next opening may not learn of it, and reads more then. */
  noteRecoveryPoint(recoveryPoint: number): Promise<void>
  /** Calls `round` every `intervalMs` until what it returns is called. Without it the log has a timer of its own. */
  schedule?(round: () => void, intervalMs: number): () => void
  /**
   * The log's files are closed, and are not touched any more. `isClean` is false where the log had failed; then the
   * next opening must not be told that the shutdown was clean.
   */
  closed(state: LogHostState): Promise<void>
}

export interface LogHostState {
  readonly isClean: boolean
  readonly recoveryPoint: number
  readonly logStartOffset: number
  readonly sizeInBytes: number
}
