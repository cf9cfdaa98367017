/** How the settings say that etcd is reached. */
import { readFile } from 'node:fs/promises'
import type { EtcdOptions } from '../../cluster/index.js'
import { type BrokerConfig, ConfigError } from '../../config/index.js'

type FileSetting = 'etcd.tls.ca.file' | 'etcd.tls.cert.file' | 'etcd.tls.key.file'

/** Undefined where the broker runs alone. Throws ConfigError where a file cannot be read. */
export async function etcdOptions(config: BrokerConfig): Promise<EtcdOptions | undefined> {
  const endpoints = config.get('etcd.endpoints')
  if (endpoints.length === 0) return undefined
  const read = async (name: FileSetting) => {
    const path = config.get(name)
    if (path === null) return undefined
    return readFile(path).catch((error: NodeJS.ErrnoException) => {
      throw new ConfigError('INVALID_VALUE', `${name} cannot be read: ${error.message}`, name)
    })
  }
  const tls = {
    ca: await read('etcd.tls.ca.file'),
    cert: await read('etcd.tls.cert.file'),
    key: await read('etcd.tls.key.file'),
  }
  return {
    endpoints,
    prefix: config.get('etcd.prefix'),
    username: config.get('etcd.username') ?? undefined,
    password: config.get('etcd.password')?.value,
    tls: tls.ca || tls.cert ? tls : undefined,
    requestTimeoutMs: config.get('etcd.request.timeout.ms'),
  }
}
