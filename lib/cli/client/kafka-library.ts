/**
 * Loads the client library when a command first needs it: `serve` never does. On a Node without zstd of its own
 * (before 22.15) the library is given that of the package which the broker uses too.
 */
import type * as Kafka from '@platformatic/kafka'

export type KafkaLibrary = typeof Kafka

export type Metadata = Awaited<ReturnType<KafkaLibrary['metadataV12']['api']['async']>>
export type TopicMetadata = Metadata['topics'][number]
export type DescribedConfigs = Awaited<ReturnType<KafkaLibrary['describeConfigsV4']['api']['async']>>
export type DescribedConfig = DescribedConfigs['results'][number]['configs'][number]
export type ConfigChange = Parameters<
  KafkaLibrary['incrementalAlterConfigsV1']['api']['async']
>[1][number]['configs'][number]

let loaded: Promise<KafkaLibrary> | undefined

export function loadKafka(): Promise<KafkaLibrary> {
  loaded ??= load()
  return loaded
}

interface Algorithm {
  compressSync(data: Uint8Array | { buffer: Buffer }): Buffer
  decompressSync(data: Uint8Array | { buffer: Buffer }): Buffer
  available?: boolean
}

/** The level that Kafka's own clients use. */
const ZSTD_LEVEL = 3

async function load(): Promise<KafkaLibrary> {
  const kafka = await import('@platformatic/kafka')
  const zstd = kafka.compressionsAlgorithms.zstd as Algorithm
  if (!zstd.available) {
    const { Decoder, Encoder } = await import('@toondepauw/node-zstd')
    zstd.compressSync = (data) => new Encoder(ZSTD_LEVEL).encodeSync(asBuffer(data))
    zstd.decompressSync = (data) => new Decoder().decodeSync(asBuffer(data))
    zstd.available = true
  }
  return kafka
}

function asBuffer(data: Uint8Array | { buffer: Buffer }): Buffer {
  if (Buffer.isBuffer(data)) return data
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return data.buffer
}
