import { decode } from '../../../protocol/index.js'

/**
 * The topics that consumers are subscribed to by their members' metadata, or null where that cannot be known. Only
 * Kafka's consumers have metadata of this form. Every later version begins with the fields of version 0.
 */
export function subscribedTopics(
  metadataOfMembers: Iterable<Uint8Array | undefined>,
): ReadonlySet<string> | null {
  const topics = new Set<string>()
  for (const metadata of metadataOfMembers) {
    if (metadata === undefined || metadata.byteLength < 2) return null
    try {
      for (const topic of decode('ConsumerProtocolSubscription', 0, metadata, 2).topics) topics.add(topic)
    } catch {
      return null
    }
  }
  return topics
}
