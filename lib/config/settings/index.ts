/** Every setting there is, by name. */

import type { AnySetting, ValueOf } from '../setting.js'
import { brokerOwnSettings } from './broker.js'
import { etcdSettings } from './etcd.js'
import { groupSettings } from './groups.js'
import { ignoredBrokerSettings } from './ignored.js'
import { logSettings } from './log.js'
import { networkSettings } from './network.js'
import { refusedBrokerSettings } from './refused.js'
import { replicationSettings } from './replication.js'
import {
  ignoredTopicSettings,
  refusedTopicSettings,
  type TopicDeclaration,
  usedTopicSettings,
} from './topic.js'

const usedBrokerSettings = {
  ...networkSettings,
  ...brokerOwnSettings,
  ...logSettings,
  ...replicationSettings,
  ...etcdSettings,
  ...groupSettings,
}

type UsedBroker = typeof usedBrokerSettings
type UsedTopic = typeof usedTopicSettings

/** Names of the broker settings that have an effect. */
export type BrokerSettingName = keyof UsedBroker
/** Names of the topic settings that have an effect. */
export type TopicSettingName = keyof UsedTopic

/** The value of a broker setting as the program sees it. */
export type BrokerValue<N extends BrokerSettingName> = ValueOf<UsedBroker[N]>
/** The value of a topic setting as the program sees it. */
export type TopicValue<N extends TopicSettingName> = ValueOf<UsedTopic[N]['setting']>

export const brokerSettings: ReadonlyMap<string, AnySetting> = new Map<string, AnySetting>([
  ...Object.entries(usedBrokerSettings),
  ...Object.entries(ignoredBrokerSettings),
  ...Object.entries(refusedBrokerSettings),
])

export const topicSettings: ReadonlyMap<string, TopicDeclaration<AnySetting>> = new Map<
  string,
  TopicDeclaration<AnySetting>
>([
  ...Object.entries(usedTopicSettings),
  ...Object.entries(ignoredTopicSettings),
  ...Object.entries(refusedTopicSettings),
])
