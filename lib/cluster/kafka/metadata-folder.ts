/**
 * Kafka's metadata log on disk, the folder `__cluster_metadata-0`: snapshots `OFFSET-EPOCH.checkpoint`, which stand
 * for all below their offset, and segments. It is read and never written, so that Kafka can go on from it.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { LOG_SUFFIX, offsetOfFileName } from '../../log/log-file-names.js'
import { CorruptBatchError, decodeBatch } from '../../protocol/index.js'
import { readBatchFile } from './batch-file.js'
import { KafkaFolderError } from './kafka-folder-error.js'
import { KafkaMetadata } from './kafka-metadata.js'
import { decodeMetadataRecord } from './metadata-records.js'

export const KAFKA_METADATA_FOLDER = '__cluster_metadata-0'

const maxUnpackedBytes = 64 << 20
const snapshotName = /^(\d{20})-\d{10}\.checkpoint$/

/** Reads what the folder says. Throws KafkaFolderError where it cannot be read or is of a newer Kafka. */
export async function readKafkaMetadata(folder: string, log: Logger): Promise<KafkaMetadata> {
  const names = (await readdir(folder)).sort()
  const { metadata, endOffset } = await readNewestSnapshot(folder, names, log)
  const segments = names
    .map((name) => offsetOfFileName(name, LOG_SUFFIX))
    .filter((base) => base !== undefined)
  if (segments.length === 0 || segments[0]! > endOffset) {
    throw new KafkaFolderError(
      `${folder} holds neither a log from its beginning nor a snapshot that reaches to the log: take the whole folder over`,
    )
  }
  for (const [index, base] of segments.entries()) {
    const next = segments[index + 1]
    if (next !== undefined && next <= endOffset) continue
    const path = join(folder, names.find((name) => offsetOfFileName(name, LOG_SUFFIX) === base)!)
    try {
      await replay(path, metadata, endOffset)
    } catch (error) {
      if (!(error instanceof CorruptBatchError)) throw error
      if (next !== undefined)
        throw new KafkaFolderError(`${path} is corrupt: ${error.message}`, { cause: error })
      log.warn(
        { path, why: error.message },
        'Kafka’s metadata log ends in a torn write, which is passed over',
      )
    }
  }
  return metadata
}

async function readNewestSnapshot(folder: string, names: readonly string[], log: Logger) {
  for (const name of names.toReversed()) {
    const match = snapshotName.exec(name)
    if (!match) continue
    const metadata = new KafkaMetadata()
    try {
      await replay(join(folder, name), metadata, 0)
      return { metadata, endOffset: Number(match[1]) }
    } catch (error) {
      if (!(error instanceof CorruptBatchError)) throw error
      log.warn({ folder, name, why: error.message }, 'a snapshot of Kafka’s metadata log is passed over')
    }
  }
  return { metadata: new KafkaMetadata(), endOffset: 0 }
}

async function replay(path: string, metadata: KafkaMetadata, fromOffset: number): Promise<void> {
  for await (const header of readBatchFile(path)) {
    if (header.isControl) continue
    const { records } = await decodeBatch(header.batch, 0, maxUnpackedBytes)
    for (const { offset, value } of records) {
      if (offset < fromOffset || value === null) continue
      metadata.apply(decodeMetadataRecord(value))
    }
  }
}
