/** The metadata of a broker that runs alone, in its data folder; what Kafka left there becomes part of it. */

import { join } from 'node:path'
import type { Logger } from 'pino'
import type { BrokerConfig } from '../../config/index.js'
import { METADATA_FOLDER } from '../image/topic-names.js'
import { takeOverFromKafka } from '../kafka/take-over.js'
import { EmbeddedMetadataStore, type OpenLog } from '../store/embedded-metadata-store.js'
import type { MetaProperties } from './meta-properties.js'

export interface OwnMetadataOptions {
  readonly dataDir: string
  readonly config: BrokerConfig
  readonly openLog: OpenLog
  readonly log: Logger
  readonly meta: MetaProperties
}

/** REQUIRES: the folder's lock. Throws KafkaFolderError where the folder is Kafka's and cannot be taken over. */
export async function openOwnMetadata({
  dataDir,
  config,
  openLog,
  log,
  meta: { nodeId, directoryId },
}: OwnMetadataOptions): Promise<EmbeddedMetadataStore> {
  const folder = join(dataDir, METADATA_FOLDER)
  const store = await EmbeddedMetadataStore.open(folder, openLog)
  try {
    if (store.truncatedBytes > 0) {
      log.warn(
        { folder, bytes: store.truncatedBytes },
        'the metadata log ended in a torn write, which was cut off',
      )
    }
    await takeOverFromKafka(store, store.revision, { dataDir, nodeId, directoryId, config, log })
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}
