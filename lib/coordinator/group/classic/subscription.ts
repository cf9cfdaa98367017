import { decode } from '../../../protocol/index.js'
import type { Group } from './group.js'

/**
 * The topics that a group's members are subscribed to, or null where that is not known: the metadata of the selected
 * protocol are the members' own affair, and can be read where they are Kafka's consumers'. Version 0 begins every
 * later version too.
 */
export function subscribedTopicsOf(group: Group): ReadonlySet<string> | null {
  if (!group.usesConsumerProtocol) return null
  const topics = new Set<string>()
  if (group.members.size === 0) return topics
  for (const member of group.members.values()) {
    const metadata = member.metadata(group.protocolName ?? '')
    if (metadata === undefined || metadata.byteLength < 2) return null
    try {
      for (const topic of decode('ConsumerProtocolSubscription', 0, metadata, 2).topics) topics.add(topic)
    } catch {
      return null
    }
  }
  return topics
}
