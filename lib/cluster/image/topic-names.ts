/** Which names a topic may have, and which are the broker's own. */

import { coordinatedTopics } from '../../config/index.js'
import { KafkaError } from '../../protocol/index.js'

/** The folder of the embedded metadata store: no topic may take its name. */
export const METADATA_TOPIC = '__odradek_metadata'
export const METADATA_FOLDER = `${METADATA_TOPIC}-0`

/** Those of our coordinators, and the ones that a data folder of Kafka may bring along. */
const internalTopics: ReadonlySet<string> = new Set([
  ...coordinatedTopics.map(({ name }) => name),
  '__transaction_state',
  '__share_group_state',
])

/** Kafka keeps its own metadata under this name in a data folder. */
const reserved: ReadonlySet<string> = new Set([METADATA_TOPIC, '__cluster_metadata'])

/** A folder is named `topic-partition`, at most 255 bytes long, and gets a suffix while it goes. */
const MAX_LENGTH = 249

export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name)
}

/** Of folders that hold metadata, not topics. */
export function isReservedName(name: string): boolean {
  return reserved.has(name)
}

/** Throws INVALID_TOPIC_EXCEPTION for a name that no topic can have. */
export function validateTopicName(name: string): void {
  if (name === '') fail('A topic name cannot be empty')
  if (name === '.' || name === '..') fail(`A topic name cannot be '${name}'`)
  if (name.length > MAX_LENGTH) fail(`A topic name cannot be longer than ${MAX_LENGTH} characters: ${name}`)
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    fail(`Topic name '${name}' may hold only ASCII letters, digits, '.', '_' and '-'`)
  }
  if (isReservedName(name)) fail(`Topic name '${name}' is reserved`)
}

/** Names that differ in `.` and `_` alone collide in metrics, where both are written the same. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

/** False where no other name collides with this one. */
export function canCollide(name: string): boolean {
  return /[._]/.test(name)
}

function fail(message: string): never {
  throw new KafkaError('INVALID_TOPIC_EXCEPTION', message)
}
