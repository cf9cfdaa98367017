/**
 * The internal topics in which coordinators keep their state: which coordinator each belongs to, and how it is
 * created. Topic creation, FindCoordinator, the image follower and the checks for internal topics all read this
 * table, so that a new coordinator needs an entry here and nothing else in those places.
 */
import type { BrokerConfig } from './broker-config.js'

export interface CoordinatedTopic {
  readonly name: string
  /** The kind of key that FindCoordinator looks up in it. */
  readonly keyType: number
  /** Settings of how many partitions and replicas it is created with. */
  readonly partitions: 'offsets.topic.num.partitions'
  readonly replicationFactor: 'offsets.topic.replication.factor'
  /** The topic's own settings. */
  configs(config: BrokerConfig): ReadonlyMap<string, string>
}

export const offsetsTopic: CoordinatedTopic = {
  name: '__consumer_offsets',
  keyType: 0,
  partitions: 'offsets.topic.num.partitions',
  replicationFactor: 'offsets.topic.replication.factor',
  configs: (config) =>
    new Map([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'producer'],
      ['segment.bytes', String(config.get('offsets.topic.segment.bytes'))],
    ]),
}

export const coordinatedTopics: readonly CoordinatedTopic[] = [offsetsTopic]

const byName = new Map(coordinatedTopics.map((topic) => [topic.name, topic]))

export function coordinatedTopic(name: string): CoordinatedTopic | undefined {
  return byName.get(name)
}

export function coordinatedTopicFor(keyType: number): CoordinatedTopic | undefined {
  return coordinatedTopics.find((topic) => topic.keyType === keyType)
}
