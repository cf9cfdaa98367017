import { KafkaError } from './errors.js'

/** Record batches whose bytes do not check out: wrong length, magic, checksum, count or compressed content. */
export class CorruptBatchError extends KafkaError {
  constructor(message: string, options?: ErrorOptions) {
    super('CORRUPT_MESSAGE', message, options)
    this.name = 'CorruptBatchError'
  }
}
