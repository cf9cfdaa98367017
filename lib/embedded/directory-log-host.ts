/** What a log of a directory is told, and tells: its line of the one checkpoint, and its turn at maintenance. */

import type { LogHost, LogHostState } from './log-host.js'
import type { LogState, LogsCheckpoint } from './logs-checkpoint.js'

export class DirectoryLogHost implements LogHost {
  readonly recoveryPoint: number
  readonly cleanShutdown: boolean
  readonly #state: LogState
  readonly #checkpoint: LogsCheckpoint
  readonly #rounds: Map<string, () => void>

  constructor(state: LogState, checkpoint: LogsCheckpoint, rounds: Map<string, () => void>) {
    this.recoveryPoint = state.recoveryPoint
    this.cleanShutdown = state.sizeInBytes >= 0
    this.#state = state
    this.#checkpoint = checkpoint
    this.#rounds = rounds
    state.sizeInBytes = -1
  }

  get logStartOffset(): number {
    return this.#state.logStartOffset
  }

  writeLogStartOffset(offset: number): Promise<void> {
    this.#state.logStartOffset = offset
    return this.#checkpoint.write()
  }

  writeRecoveryPoint(recoveryPoint: number): Promise<void> {
    this.#state.recoveryPoint = recoveryPoint
    return this.#checkpoint.write()
  }

  async noteRecoveryPoint(recoveryPoint: number): Promise<void> {
    this.#state.recoveryPoint = recoveryPoint
    this.#checkpoint.isDirty = true
  }

  schedule(round: () => void): () => void {
    const { name } = this.#state
    this.#rounds.set(name, round)
    return () => this.#rounds.delete(name)
  }

  async closed({ isClean, recoveryPoint, logStartOffset, sizeInBytes }: LogHostState): Promise<void> {
    this.#state.recoveryPoint = recoveryPoint
    this.#state.logStartOffset = logStartOffset
    this.#state.sizeInBytes = isClean ? sizeInBytes : -1
    this.#checkpoint.isDirty = true
  }
}
