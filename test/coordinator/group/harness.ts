/** A coordinator over memory and virtual time, and the requests of a member in one line each. */
import { pino } from 'pino'
import { GroupCoordinator } from '../../../lib/coordinator/group/group-coordinator.js'
import type { GroupSettings } from '../../../lib/coordinator/group/group-settings.js'
import type {
  JoinGroupRequest,
  JoinGroupResponse,
  OffsetCommitRequest,
  SyncGroupResponse,
} from '../../../lib/protocol/index.js'
import { ErrorCode, errorName } from '../../../lib/protocol/index.js'
import { MemoryLog } from '../runtime/memory-log.js'
import { settle, VirtualTime } from '../runtime/virtual-time.js'

export type TestSettings = { -readonly [Name in keyof GroupSettings]: GroupSettings[Name] }

export const NO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

export function testSettings(): TestSettings {
  return {
    minSessionTimeoutMs: 6_000,
    maxSessionTimeoutMs: 1_800_000,
    initialRebalanceDelayMs: 0,
    maxSize: 2 ** 31 - 1,
    offsetsRetentionMs: 7 * 24 * 3_600_000,
    offsetsRetentionCheckIntervalMs: 600_000,
    offsetMetadataMaxBytes: 4096,
    offsetsTopicNumPartitions: 1,
    offsetsTopicCompressionCodec: 0,
    offsetsLoadBufferSize: 1000,
    offsetsCommitTimeoutMs: 5_000,
  }
}

export interface JoinOptions {
  version?: number
  groupId?: string
  memberId?: string
  instanceId?: string | null
  sessionTimeoutMs?: number
  rebalanceTimeoutMs?: number
  protocolType?: string
  protocols?: Record<string, Uint8Array>
  clientId?: string | null
}

export interface CommitOptions {
  version?: number
  groupId?: string
  memberId?: string
  instanceId?: string | null
  generationId?: number
  retentionTimeMs?: number | bigint
  topic?: string
  partition?: number
  offset?: number | bigint
  leaderEpoch?: number
  metadata?: string | null
}

/** ConsumerProtocolSubscription, version 0: what Kafka's consumers send as metadata. */
export function subscription(...topics: string[]): Uint8Array {
  const parts = [Buffer.from([0, 0]), int32(topics.length)]
  for (const topic of topics) {
    const name = Buffer.from(topic)
    parts.push(Buffer.from([name.length >> 8, name.length & 255]), name)
  }
  parts.push(int32(-1))
  return new Uint8Array(Buffer.concat(parts))
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
export const bytes = (content: string) => new Uint8Array(Buffer.from(content))

/** A promise, and whether it has been answered. */
export interface Parked<T> {
  readonly response: Promise<T>
  readonly isAnswered: () => boolean
}

export function parked<T>(response: Promise<T>): Parked<T> {
  let answered = false
  void response.then(() => {
    answered = true
  })
  return { response, isAnswered: () => answered }
}

export class Harness {
  readonly time = new VirtualTime()
  readonly log: MemoryLog
  readonly settings: TestSettings
  readonly coordinator: GroupCoordinator

  constructor(settings: Partial<TestSettings> = {}, log = new MemoryLog()) {
    this.log = log
    this.settings = { ...testSettings(), ...settings }
    const logger = pino({ level: process.env.LOG_LEVEL ?? 'silent' })
    this.coordinator = new GroupCoordinator({ log, settings: this.settings, logger, time: this.time })
  }

  static async start(settings: Partial<TestSettings> = {}, log = new MemoryLog()): Promise<Harness> {
    const harness = new Harness(settings, log)
    for (let i = 0; i < harness.settings.offsetsTopicNumPartitions; i++)
      await harness.coordinator.onElected(i)
    return harness
  }

  /** A coordinator that loads what this one wrote. */
  async restart(): Promise<Harness> {
    await this.coordinator.close()
    const next = new Harness(this.settings, this.log)
    await next.time.pass(this.time.wallTime() - next.time.wallTime())
    for (let i = 0; i < this.settings.offsetsTopicNumPartitions; i++) await next.coordinator.onElected(i)
    return next
  }

  context(version: number, clientId: string | null = 'client') {
    return { version, clientId, clientAddress: '127.0.0.1' }
  }

  join(options: JoinOptions = {}): Promise<JoinGroupResponse> {
    const { version = 9, sessionTimeoutMs = 10_000, protocols = { range: subscription('orders') } } = options
    const request: JoinGroupRequest = {
      groupId: options.groupId ?? 'g',
      sessionTimeoutMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
      memberId: options.memberId ?? '',
      groupInstanceId: options.instanceId ?? null,
      protocolType: options.protocolType ?? 'consumer',
      protocols: Object.entries(protocols).map(([name, metadata]) => ({ name, metadata })),
      reason: null,
    }
    const clientId = options.clientId === undefined ? 'client' : options.clientId
    return this.coordinator.joinGroup(this.context(version, clientId), request)
  }

  /** Both steps of a dynamic member's JoinGroup: resolves with its id once the second is parked. */
  async enter(options: JoinOptions = {}): Promise<{ memberId: string } & Parked<JoinGroupResponse>> {
    const { memberId } = await this.join(options)
    const joined = parked(this.join({ ...options, memberId }))
    await settle()
    return { memberId, ...joined }
  }

  sync(
    memberId: string,
    generationId: number,
    assignments: Record<string, Uint8Array> = {},
    options: { groupId?: string; instanceId?: string | null; protocolName?: string; version?: number } = {},
  ): Promise<SyncGroupResponse> {
    return this.coordinator.syncGroup(this.context(options.version ?? 5), {
      groupId: options.groupId ?? 'g',
      generationId,
      memberId,
      groupInstanceId: options.instanceId ?? null,
      protocolType: 'consumer',
      protocolName: options.protocolName ?? 'range',
      assignments: Object.entries(assignments).map(([id, assignment]) => ({ memberId: id, assignment })),
    })
  }

  async heartbeat(
    memberId: string,
    generationId: number,
    options: { groupId?: string; instanceId?: string } = {},
  ) {
    const { errorCode } = await this.coordinator.heartbeat(this.context(4), {
      groupId: options.groupId ?? 'g',
      generationId,
      memberId,
      groupInstanceId: options.instanceId ?? null,
    })
    return errorName(errorCode)
  }

  leave(memberId: string, options: { groupId?: string; instanceId?: string | null; version?: number } = {}) {
    return this.coordinator.leaveGroup(this.context(options.version ?? 5), {
      groupId: options.groupId ?? 'g',
      members: [{ memberId, groupInstanceId: options.instanceId ?? null, reason: null }],
      memberId,
    })
  }

  commitRequest(options: CommitOptions = {}): OffsetCommitRequest {
    return {
      groupId: options.groupId ?? 'g',
      generationIdOrMemberEpoch: options.generationId ?? -1,
      memberId: options.memberId ?? '',
      groupInstanceId: options.instanceId ?? null,
      retentionTimeMs: options.retentionTimeMs ?? -1,
      topics: [
        {
          topicId: NO_TOPIC_ID,
          name: options.topic ?? 'orders',
          partitions: [
            {
              partitionIndex: options.partition ?? 0,
              committedOffset: options.offset ?? 1,
              committedLeaderEpoch: options.leaderEpoch ?? -1,
              committedMetadata: options.metadata === undefined ? '' : options.metadata,
            },
          ],
        },
      ],
    }
  }

  async commit(options: CommitOptions = {}): Promise<string> {
    const context = this.context(options.version ?? 9)
    const { topics } = await this.coordinator.commitOffsets(context, this.commitRequest(options))
    return errorName(topics[0]!.partitions[0]!.errorCode)
  }

  async fetch(groupId = 'g', topic = 'orders', partition = 0, requireStable = false) {
    const response = await this.coordinator.fetchOffsets(this.context(9), {
      groups: [
        {
          groupId,
          memberId: null,
          memberEpoch: -1,
          topics: [{ topicId: NO_TOPIC_ID, name: topic, partitionIndexes: [partition] }],
        },
      ],
      groupId: '',
      topics: null,
      requireStable,
    })
    return response.groups[0]!.topics[0]!.partitions[0]!
  }

  async fetchAll(groupId = 'g') {
    const response = await this.coordinator.fetchOffsets(this.context(9), {
      groups: [{ groupId, memberId: null, memberEpoch: -1, topics: null }],
      groupId: '',
      topics: null,
      requireStable: false,
    })
    return response.groups[0]!
  }

  async describe(groupId = 'g', version = 6) {
    const request = { groups: [groupId], includeAuthorizedOperations: false }
    return (await this.coordinator.describeGroups(this.context(version), request)).groups[0]!
  }

  async list(filter: { states?: string[]; types?: string[] } = {}) {
    const request = { statesFilter: filter.states ?? [], typesFilter: filter.types ?? [] }
    return this.coordinator.listGroups(this.context(5), request)
  }

  async delete(...groupsNames: string[]) {
    const { results } = await this.coordinator.deleteGroups(this.context(2), { groupsNames })
    return results.map(({ errorCode }) => errorName(errorCode))
  }

  /** A Stable group of so many dynamic members; the first is the leader. */
  async stableGroup(
    size: number,
    options: JoinOptions = {},
  ): Promise<{ ids: string[]; generationId: number }> {
    const entered = []
    for (let i = 0; i < size; i++) entered.push(await this.enter(options))
    await this.time.pass(2 * this.settings.initialRebalanceDelayMs)
    return this.stabilize(entered, options)
  }

  /**
   * Lets members whose JoinGroup is parked go through the rebalance: those that are called back by a later member
   * join again, the leader gives each `partition of ID`.
   */
  async stabilize(
    entered: ({ memberId: string } & Parked<JoinGroupResponse>)[],
    options: JoinOptions = {},
  ): Promise<{ ids: string[]; generationId: number }> {
    let current = entered.map(({ memberId, response }) => ({ memberId, response }))
    for (let round = 0; round < 10; round++) {
      const joined = await Promise.all(current.map(({ response }) => response))
      const generationId = Math.max(...joined.map((response) => response.generationId))
      if (joined.every((response) => response.generationId === generationId)) {
        const { leader } = joined[0]!
        const assignments = Object.fromEntries(
          joined.map(({ memberId }) => [memberId, bytes(`partition of ${memberId}`)]),
        )
        await Promise.all(
          joined.map(({ memberId }) =>
            this.sync(memberId, generationId, memberId === leader ? assignments : {}, options),
          ),
        )
        const ids = joined.map(({ memberId }) => memberId)
        return { ids: [leader, ...ids.filter((id) => id !== leader)], generationId }
      }
      current = current.map(({ memberId }) => ({ memberId, response: this.join({ ...options, memberId }) }))
    }
    throw new Error('the group does not become stable')
  }
}

export { ErrorCode, errorName }
