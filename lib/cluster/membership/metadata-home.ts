/**
 * Where a data folder's metadata lives: in the folder itself, or in a store that brokers share, which a file in the
 * folder then says. Started on the other one, a broker would not know its topics, or would give out epochs twice.
 */

import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, formatProperty, parseProperties } from '../../config/index.js'
import { SHARED_METADATA_FILE } from '../../log/log-file-names.js'
import type { Files } from '../../native/types.js'
import { METADATA_FOLDER } from '../image/topic-names.js'
import { KAFKA_METADATA_FOLDER } from '../kafka/metadata-folder.js'

/** The store's revision that this folder's broker has seen: an older one lacks what the broker rests on. */
const REVISION = 'revision'

/** Throws ConfigError where the folder's metadata is not where this start would look for it. */
export async function checkMetadataHome(dataDir: string, isShared: boolean): Promise<void> {
  if (await isMarkedShared(dataDir)) {
    if (isShared) return
    throw new ConfigError(
      'INVALID_VALUE',
      `the metadata of the data folder ${dataDir} lies in etcd: set etcd.endpoints`,
      'etcd.endpoints',
    )
  }
  if (isShared && (await holdsMetadata(dataDir))) {
    throw new ConfigError(
      'INVALID_VALUE',
      `the data folder ${dataDir} holds metadata of its own: move it into etcd with 'odradek cluster import', or choose another folder`,
      'etcd.endpoints',
    )
  }
}

export function isMarkedShared(dataDir: string): Promise<boolean> {
  return exists(join(dataDir, SHARED_METADATA_FILE))
}

/** DURABILITY: on disk when it resolves. */
export async function markShared(files: Files, dataDir: string, revision: number): Promise<void> {
  const text = `${formatProperty(REVISION, String(revision))}\n`
  await files.writeAtomically(join(dataDir, SHARED_METADATA_FILE), Buffer.from(text))
}

/** Throws ConfigError where the store's `revision` is older than one that this folder's broker has seen. */
export async function checkRevision(dataDir: string, revision: number): Promise<void> {
  if (!(await isMarkedShared(dataDir))) return
  const path = join(dataDir, SHARED_METADATA_FILE)
  const seen = parseProperties(await readFile(path, 'utf8'), path).get(REVISION)
  if (seen === undefined || revision >= Number(seen)) return
  throw new ConfigError(
    'INVALID_VALUE',
    `etcd was set back: its revision is ${revision}, and ${seen} was seen before. Restore an etcd that has it, or remove 'revision' from ${path} to go on with what is left`,
    'etcd.endpoints',
  )
}

/** True where a broker that runs alone, or Kafka, has left its metadata in the folder. */
export async function holdsMetadata(dataDir: string): Promise<boolean> {
  const found = [METADATA_FOLDER, KAFKA_METADATA_FOLDER].map((name) => exists(join(dataDir, name)))
  return (await Promise.all(found)).includes(true)
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
