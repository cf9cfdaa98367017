/**
 * `meta.properties`, by which a data folder knows its cluster, its node and itself, in Kafka's format: written on the
 * first start, checked on every later one.
 */

import { join } from 'node:path'
import { ConfigError, formatProperty, parseProperties } from '../../config/index.js'
import { META_PROPERTIES } from '../../log/log-file-names.js'
import type { Files } from '../../native/types.js'
import { randomUuid } from '../../protocol/index.js'

export interface MetaProperties {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

const VERSION = '1'
const ENOENT = 2

/**
 * Throws ConfigError where the folder belongs to another node or cluster, or the file does not say whom it belongs
 * to. Without `clusterId` a new folder makes a cluster of its own.
 */
export async function loadMetaProperties(
  files: Files,
  dataDir: string,
  nodeId: number,
  clusterId?: string,
): Promise<MetaProperties> {
  const path = join(dataDir, META_PROPERTIES)
  const text = await readIfThere(files, path)
  if (text !== undefined) {
    const found = parseMetaProperties(text, path, nodeId)
    if (clusterId !== undefined && found.clusterId !== clusterId) {
      fail(
        `the data folder belongs to cluster ${found.clusterId}, not ${clusterId}: choose another folder (${path})`,
      )
    }
    if (found.directoryId !== undefined) return { ...found, directoryId: found.directoryId }
    return save(files, path, { ...found, directoryId: randomUuid() })
  }
  return save(files, path, { clusterId: clusterId ?? randomUuid(), nodeId, directoryId: randomUuid() })
}

/** Whom the folder belongs to, as far as it says so; undefined where it is new. */
export async function ownerOf(
  files: Files,
  dataDir: string,
): Promise<{ nodeId: string | undefined; clusterId: string | undefined } | undefined> {
  const path = join(dataDir, META_PROPERTIES)
  const text = await readIfThere(files, path)
  if (text === undefined) return undefined
  const properties = parseProperties(text, path)
  return {
    nodeId: properties.get('node.id') ?? properties.get('broker.id'),
    clusterId: properties.get('cluster.id'),
  }
}

/** Folders written before Kafka 3.7 have no `directory.id`. */
export function parseMetaProperties(
  text: string,
  path: string,
  nodeId: number,
): Omit<MetaProperties, 'directoryId'> & { directoryId: string | undefined } {
  const properties = parseProperties(text, path)
  const version = properties.get('version')
  if (version === '0') {
    fail(
      `${path} has version 0, of a Kafka with ZooKeeper: only folders of Kafka with KRaft (version 1) can be read`,
    )
  }
  if (version !== VERSION) fail(`${path} has version ${version ?? 'none'}, only ${VERSION} can be read`)
  const clusterId = properties.get('cluster.id')
  if (!clusterId) fail(`${path} names no cluster.id`)
  const owner = properties.get('node.id') ?? properties.get('broker.id')
  if (owner === undefined) fail(`${path} names no node.id`)
  if (owner !== String(nodeId)) {
    fail(
      `the data folder belongs to node ${owner}, not ${nodeId}: set node.id=${owner} or choose another folder (${path})`,
    )
  }
  return { clusterId, nodeId, directoryId: properties.get('directory.id') }
}

async function save(files: Files, path: string, meta: MetaProperties): Promise<MetaProperties> {
  const lines = [
    formatProperty('version', VERSION),
    formatProperty('cluster.id', meta.clusterId),
    formatProperty('node.id', String(meta.nodeId)),
    formatProperty('directory.id', meta.directoryId),
  ]
  await files.writeAtomically(path, Buffer.from(`${lines.join('\n')}\n`))
  return meta
}

async function readIfThere(files: Files, path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await files.read(path)).toString('utf8')
  } catch (error) {
    if ((error as { errno?: number }).errno === ENOENT) return undefined
    throw error
  }
}

function fail(message: string): never {
  throw new ConfigError('INVALID_VALUE', message, 'node.id')
}
