/** What clients were told, as marks in the journal: the checker believes nothing else. */
import { markJournal } from '../../lib/native/file-recording.js'

export type Acknowledgement =
  /** The idempotent writer of the partition was told that so many of its values are safe. */
  | { what: 'written'; topic: string; partition: number; count: number; producerId: number }
  /** The newest version of the key that is safe. */
  | { what: 'set'; topic: string; key: string; version: number }
  | { what: 'committed'; group: string; topic: string; offset: number }
  /** It has so many partitions at least: more may have been asked for. */
  | { what: 'created'; topic: string; partitions: number }
  /** The records below the offset are deleted. */
  | { what: 'trimmed'; topic: string; partition: number; offset: number }
  /** A deletion was asked for: from here on the topic may be there or not. */
  | { what: 'deleting' | 'deleted'; topic: string }
  | { what: 'configured'; topic: string; retentionMs: number }
  | { what: 'producerId'; producerId: number }

export function acknowledge(told: Acknowledgement): void {
  markJournal(JSON.stringify(told))
}

/** All that was acknowledged up to some moment. */
export class Acknowledged {
  /** By `topic-partition`. */
  readonly written = new Map<
    string,
    { topic: string; partition: number; count: number; producerId: number }
  >()
  /** By topic, then key. */
  readonly versions = new Map<string, Map<string, number>>()
  /** By group. */
  readonly committed = new Map<string, { topic: string; offset: number }>()
  /** Partitions by topic. */
  readonly topics = new Map<string, number>()
  readonly deleted = new Set<string>()
  /** By `topic-partition`. */
  readonly trimmed = new Map<string, { topic: string; partition: number; offset: number }>()
  readonly retentionMs = new Map<string, number>()
  readonly producerIds = new Set<number>()

  add(mark: string): void {
    const told = JSON.parse(mark) as Acknowledgement
    switch (told.what) {
      case 'written':
        this.written.set(`${told.topic}-${told.partition}`, told)
        break
      case 'set': {
        const versions = this.versions.get(told.topic) ?? new Map<string, number>()
        this.versions.set(told.topic, versions.set(told.key, told.version))
        break
      }
      case 'committed':
        this.committed.set(told.group, told)
        break
      case 'created':
        this.topics.set(told.topic, told.partitions)
        break
      case 'trimmed':
        this.trimmed.set(`${told.topic}-${told.partition}`, told)
        break
      case 'deleting':
        this.topics.delete(told.topic)
        break
      case 'deleted':
        this.deleted.add(told.topic)
        break
      case 'configured':
        this.retentionMs.set(told.topic, told.retentionMs)
        break
      case 'producerId':
        this.producerIds.add(told.producerId)
        break
    }
  }
}
