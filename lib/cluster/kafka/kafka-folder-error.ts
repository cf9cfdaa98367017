/** A data folder that Kafka wrote, or what of one is there, cannot be taken over. The message says what to do. */
export class KafkaFolderError extends Error {
  readonly code = 'KAFKA_FOLDER'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KafkaFolderError'
  }
}
