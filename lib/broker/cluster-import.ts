/** The first step from a broker that runs alone to a cluster: its metadata goes into etcd, its data stays. */
import { resolve as absolute } from 'node:path'
import type { Logger } from 'pino'
import { EtcdMetadataStore, importMetadata, type MetadataImport, ownerOf } from '../cluster/index.js'
import { BrokerConfig, ConfigError } from '../config/index.js'
import { files, openLog } from '../native/index.js'
import { etcdOptions } from './configs/etcd-options.js'

/**
 * Moves the metadata of the data folder that the settings name into the etcd that they name. Without a `node.id` the
 * folder's is taken. Throws as `importMetadata` does, and ConfigError where the settings name no etcd.
 */
export async function importIntoEtcd(
  settings: ReadonlyMap<string, string>,
  log: Logger,
): Promise<MetadataImport> {
  const folders = new BrokerConfig(settings)
  const dataDir = absolute((folders.get('log.dirs') ?? folders.get('log.dir'))[0]!)
  const owner = (await ownerOf(files, dataDir))?.nodeId
  if (owner === undefined) {
    throw new ConfigError(
      'INVALID_VALUE',
      `${dataDir} is no data folder: it has no meta.properties`,
      'log.dirs',
    )
  }
  const isGiven = settings.has('node.id') || settings.has('broker.id')
  const config = isGiven ? folders : new BrokerConfig(new Map([...settings, ['node.id', owner]]))
  const options = await etcdOptions(config)
  if (!options) {
    throw new ConfigError('INVALID_VALUE', 'name the etcd with etcd.endpoints', 'etcd.endpoints')
  }
  const store = await EtcdMetadataStore.open(options)
  try {
    return await importMetadata({ dataDir, config, files, openLog, log, store })
  } finally {
    await store.close()
  }
}
