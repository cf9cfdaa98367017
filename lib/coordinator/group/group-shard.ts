/**
 * All groups whose ids fall into one partition of `__consumer_offsets`, from the moment this broker leads it until
 * it no longer does: the state that the operations work on.
 */
import type { Logger } from 'pino'
import { type ErrorName, KafkaError } from '../../protocol/index.js'
import { OffsetStore } from '../offsets/offset-store.js'
import { PendingOffsets, type TransactionMarker } from '../offsets/pending-offsets.js'
import type { ScheduledTask, Time } from '../runtime/clock.js'
import { coordinatorError } from '../runtime/coordinator-error.js'
import type { CoordinatorLog } from '../runtime/coordinator-log.js'
import { Deadline } from '../runtime/deadline.js'
import { RecordWriter, type Write } from '../runtime/record-writer.js'
import type { Group } from './classic/group.js'
import { endTransaction, loadGroups } from './classic/group-loader.js'
import { NO_BYTES } from './classic/member.js'
import { joinFailure, syncFailure } from './classic/outcomes.js'
import { Rebalance } from './classic/rebalance.js'
import { encodeGroup } from './group-records.js'
import { removeExpired } from './group-removal.js'
import type { GroupSettings } from './group-settings.js'
import type { GroupShardState } from './shard-state.js'

export interface GroupShardOptions {
  readonly partition: number
  readonly log: CoordinatorLog
  readonly time: Time
  readonly settings: GroupSettings
  readonly logger: Logger
  /** What this broker held of the partition before must be gone before it is read. */
  readonly after?: Promise<void>
}

export type ShardState = 'loading' | 'active' | 'failed' | 'closed'

export class GroupShard implements GroupShardState {
  readonly partition: number
  readonly time: Time
  readonly settings: GroupSettings
  readonly logger: Logger
  readonly groups = new Map<string, Group>()
  readonly offsets = new OffsetStore()
  readonly pendingOffsets = new PendingOffsets()
  readonly rebalance = new Rebalance(this)

  readonly #log: CoordinatorLog
  readonly #writer: RecordWriter
  #state: ShardState = 'loading'
  #expiration: ScheduledTask | undefined
  readonly #after: Promise<void> | undefined
  #loading: Promise<void> | undefined

  constructor(options: GroupShardOptions) {
    this.partition = options.partition
    this.time = options.time
    this.settings = options.settings
    this.logger = options.logger
    this.#log = options.log
    this.#after = options.after
    this.#writer = new RecordWriter({
      time: options.time,
      append: (batch) => options.log.append(options.partition, batch),
      timeoutMs: () => options.settings.offsetsCommitTimeoutMs,
      compressionCodec: () => options.settings.offsetsTopicCompressionCodec,
      onFailure: (error) =>
        this.logger.warn({ err: error, partition: this.partition }, 'group records could not be written'),
    })
  }

  get state(): ShardState {
    return this.#state
  }

  /** Reads the partition. The shard serves when this resolves, unless it was closed meanwhile or the log failed. */
  load(): Promise<void> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async #load(): Promise<void> {
    await this.#after
    const startedAt = this.time.monotonicTime()
    try {
      const batches = this.#log.load(this.partition, this.settings.offsetsLoadBufferSize)
      await loadGroups(this, batches, () => this.#state === 'closed')
    } catch (error) {
      if (this.#state === 'closed') return
      this.#state = 'failed'
      this.logger.error({ err: error, partition: this.partition }, 'groups could not be loaded')
      return
    }
    if (this.#state === 'closed') return
    this.#state = 'active'
    for (const group of this.groups.values()) this.#resume(group)
    this.#scheduleExpiration()
    this.logger.debug(
      {
        partition: this.partition,
        groups: this.groups.size,
        offsets: this.offsets.size,
        ms: this.time.monotonicTime() - startedAt,
      },
      'groups loaded',
    )
  }

  /** The sessions of loaded members start anew: whoever is still there will heartbeat. */
  #resume(group: Group): void {
    for (const member of group.members.values()) this.rebalance.keepSession(group, member)
    if (group.members.size > this.settings.maxSize) {
      this.rebalance.prepare(group, 'the group is larger than group.max.size')?.catch(() => {})
    }
  }

  /** Answers all that waits with NOT_COORDINATOR. Resolves when the append under way has come to its end. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#expiration?.cancel()
    for (const group of this.groups.values()) {
      this.rebalance.clear(group)
      group.transitionTo('Dead', this.time.wallTime())
      for (const member of group.members.values()) {
        group.answerJoin(member, joinFailure(member.memberId, 'NOT_COORDINATOR'))
        member.answerSync(syncFailure('NOT_COORDINATOR'))
      }
    }
    await this.#writer.close(new KafkaError('NOT_COORDINATOR'))
  }

  /** A deadline that is void once the shard is closed. */
  deadline(run: () => void): Deadline {
    return new Deadline(this.time, () => {
      if (this.#state !== 'active') return
      try {
        run()
      } catch (error) {
        this.logger.error({ err: error, partition: this.partition }, 'group timer failed')
      }
    })
  }

  /** Writes a group as it is now, with the assignments given or else its members' own. */
  async writeGroup(group: Group, assignments?: ReadonlyMap<string, Uint8Array>): Promise<void> {
    group.persisted = true
    const record = encodeGroup(group, (member) =>
      assignments === undefined ? member.assignment : (assignments.get(member.memberId) ?? NO_BYTES),
    )
    await this.write({ records: [record] })
  }

  /** A transaction has ended in this partition's log. Resolves when its offsets are committed, or dropped. */
  onMarker(marker: TransactionMarker): Promise<void> {
    return this.writeAfterOthers(() => {
      endTransaction(this, marker)
      return []
    })
  }

  write(write: Write): Promise<void> {
    return this.#writer.write(write)
  }

  writeAfterOthers(build: () => readonly Write[]): Promise<void> {
    return this.#writer.writeAfterOthers(build)
  }

  settled(): Promise<void> {
    return this.#writer.settled()
  }

  /** What a client is told of an error: of the log's errors, those that lead it to the right broker. */
  errorName(error: unknown): ErrorName {
    if (!(error instanceof KafkaError)) {
      this.logger.error({ err: error, partition: this.partition }, 'group operation failed')
      return 'UNKNOWN_SERVER_ERROR'
    }
    return coordinatorError(error.errorName)
  }

  #scheduleExpiration(): void {
    this.#expiration = this.time.schedule(this.settings.offsetsRetentionCheckIntervalMs, () => {
      removeExpired(this)
        .catch(() => {})
        .finally(() => {
          if (this.#state === 'active') this.#scheduleExpiration()
        })
    })
  }
}
