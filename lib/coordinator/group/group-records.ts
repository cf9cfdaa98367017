/**
 * The records of `__consumer_offsets`, in Kafka's own form: key and value begin with two bytes of version, and the
 * key's version tells what kind of record it is (0 and 1 a committed offset, 2 a group, the rest other kinds of
 * groups). A null value removes the key.
 */
import {
  decode,
  encode,
  type GroupMetadataValue,
  MalformedFrameError,
  type Messages,
} from '../../protocol/index.js'
import type { CommittedOffset, OffsetKey } from '../offsets/offset-store.js'
import type { Group } from './classic/group.js'
import { type Member, NO_BYTES } from './classic/member.js'

export interface GroupRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** A record that this coordinator understands. */
export type GroupRecordContent =
  | { readonly type: 'offset'; readonly key: OffsetKey; readonly committed: CommittedOffset | null }
  | { readonly type: 'group'; readonly groupId: string; readonly value: GroupMetadataValue | null }

const LEGACY_OFFSET_KEY = 0
const OFFSET_KEY = 1
const GROUP_KEY = 2

/** What Kafka 4.3 writes. */
const GROUP_VALUE_VERSION = 3
const OFFSET_VALUE_VERSION = 4
/** The only one with a time at which the offset expires. */
const EXPIRING_OFFSET_VALUE_VERSION = 1

/** Keys and values have versions of their own: a key's body has always been the same. */
const KEY_BODY_VERSION = 0

export function encodeOffset(key: OffsetKey, committed: CommittedOffset): GroupRecord {
  const version = committed.expireTimestamp === -1 ? OFFSET_VALUE_VERSION : EXPIRING_OFFSET_VALUE_VERSION
  return { key: encodeOffsetKey(key), value: versioned('OffsetCommitValue', version, version, committed) }
}

export function encodeOffsetTombstone(key: OffsetKey): GroupRecord {
  return { key: encodeOffsetKey(key), value: null }
}

/** A group as it is now, with the assignments that `assignmentOf` says. */
export function encodeGroup(group: Group, assignmentOf: (member: Member) => Uint8Array): GroupRecord {
  const members = Array.from(group.members.values(), (member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeout: member.rebalanceTimeoutMs,
    sessionTimeout: member.sessionTimeoutMs,
    subscription: member.metadata(group.protocolName ?? '') ?? NO_BYTES,
    assignment: assignmentOf(member),
  }))
  const value = versioned('GroupMetadataValue', GROUP_VALUE_VERSION, GROUP_VALUE_VERSION, {
    protocolType: group.protocolType ?? '',
    generation: group.generationId,
    protocol: group.protocolName,
    leader: group.leaderId,
    currentStateTimestamp: group.stateTimestamp,
    members,
  })
  return { key: encodeGroupKey(group.groupId), value }
}

export function encodeGroupTombstone(groupId: string): GroupRecord {
  return { key: encodeGroupKey(groupId), value: null }
}

/** What a record says, or null for one of a kind that is none of ours. */
export function decodeGroupRecord(key: Uint8Array, value: Uint8Array | null): GroupRecordContent | null {
  switch (versionOf(key)) {
    case LEGACY_OFFSET_KEY:
    case OFFSET_KEY: {
      const { group, topic, partition } = decode('OffsetCommitKey', KEY_BODY_VERSION, key, 2)
      const committed = value === null ? null : decodeOffset(value)
      return { type: 'offset', key: { groupId: group, topic, partition }, committed }
    }
    case GROUP_KEY: {
      const { group } = decode('GroupMetadataKey', KEY_BODY_VERSION, key, 2)
      const metadata = value === null ? null : decode('GroupMetadataValue', versionOf(value), value, 2)
      return { type: 'group', groupId: group, value: metadata }
    }
    default:
      return null
  }
}

function decodeOffset(value: Uint8Array): CommittedOffset {
  const version = versionOf(value)
  const { offset, leaderEpoch, metadata, topicId, commitTimestamp, expireTimestamp } = decode(
    'OffsetCommitValue',
    version,
    value,
    2,
  )
  return { offset, leaderEpoch, metadata, topicId, commitTimestamp, expireTimestamp }
}

/** About what a record takes in a batch. */
export function sizeOfRecord({ key, value }: GroupRecord): number {
  // At most 21 bytes of lengths, deltas and attributes.
  return key.byteLength + (value?.byteLength ?? 0) + 21
}

function encodeOffsetKey({ groupId, topic, partition }: OffsetKey): Uint8Array {
  return versioned('OffsetCommitKey', OFFSET_KEY, KEY_BODY_VERSION, { group: groupId, topic, partition })
}

function encodeGroupKey(groupId: string): Uint8Array {
  return versioned('GroupMetadataKey', GROUP_KEY, KEY_BODY_VERSION, { group: groupId })
}

function versioned<
  N extends 'OffsetCommitKey' | 'OffsetCommitValue' | 'GroupMetadataKey' | 'GroupMetadataValue',
>(name: N, prefix: number, version: number, value: Partial<Messages[N]>): Uint8Array {
  const body = encode(name, version, value as never)
  const bytes = new Uint8Array(2 + body.byteLength)
  bytes[1] = prefix
  bytes.set(body, 2)
  return bytes
}

function versionOf(bytes: Uint8Array): number {
  if (bytes.byteLength < 2) throw new MalformedFrameError('a record of __consumer_offsets without a version')
  return (bytes[0]! << 8) | bytes[1]!
}
