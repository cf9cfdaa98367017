/** What can become of a request to a metadata store that others share. Clients are told to ask again. */

import { KafkaError } from '../../protocol/index.js'

/** The store could not be reached in time; nothing was changed. */
export class MetadataUnavailableError extends KafkaError {
  constructor(what: string, cause?: unknown) {
    super('REQUEST_TIMED_OUT', `The metadata store cannot be reached: ${what}`, { cause })
    this.name = 'MetadataUnavailableError'
  }
}

/** A transaction was sent and no answer came: it may have happened, may happen yet, or never. Read before acting. */
export class MetadataOutcomeUnknownError extends KafkaError {
  constructor(what: string, cause?: unknown) {
    super('REQUEST_TIMED_OUT', `It is not known whether the change was made: ${what}`, { cause })
    this.name = 'MetadataOutcomeUnknownError'
  }
}

/** The store answered, and refused: nothing was changed. */
export class MetadataRefusedError extends KafkaError {
  constructor(what: string, cause?: unknown) {
    super('UNKNOWN_SERVER_ERROR', `The metadata store refused: ${what}`, { cause })
    this.name = 'MetadataRefusedError'
  }
}

/** The store shows an older state than it did, or is another one. Nothing can be done on it; the broker must stop. */
export class MetadataRolledBackError extends KafkaError {
  constructor(what: string) {
    super(
      'UNKNOWN_SERVER_ERROR',
      `etcd was set back or replaced while this broker ran: ${what}. Changes that brokers rest on are missing: ` +
        'restore an etcd that has them (docs/cluster.md)',
    )
    this.name = 'MetadataRolledBackError'
  }
}
