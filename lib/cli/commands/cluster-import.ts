/** `odradek cluster import`: makes a broker that ran alone the first one of a cluster. */

import { defineCommand } from '../command.js'

export const importCommand = defineCommand({
  name: 'import',
  summary: 'move the metadata of a broker that ran alone into etcd, while it is stopped',
  positionals: [{ name: 'server.properties', help: 'the settings that the broker will start with' }],
  options: {
    data: { type: 'string', short: 'd', value: 'DIR', help: 'its data folder (default ./data)' },
    'etcd-endpoints': {
      type: 'string',
      value: 'HOST:PORT,...',
      help: 'the members of etcd; comes before etcd.endpoints of the settings',
    },
    override: {
      type: 'string',
      short: 'o',
      multiple: true,
      value: 'NAME=VALUE',
      help: 'set one setting, as etcd.prefix, etcd.username or etcd.tls.ca.file',
    },
  },
  examples: [
    'odradek cluster import --data data --etcd-endpoints etcd-1:2379,etcd-2:2379,etcd-3:2379',
    'odradek cluster import server.properties',
  ],
  async run({ options, positionals: [propertiesFile] }, io) {
    const { data: dataDir, 'etcd-endpoints': endpoints, override = [] } = options
    const { importIntoEtcd } = await import('../../broker/cluster-import.js')
    const { readSettings } = await import('../serve.js')
    const { openLog } = await import('../logging.js')
    const { startFailure } = await import('../start-failure.js')
    const overrides = endpoints === undefined ? override : [...override, `etcd.endpoints=${endpoints}`]
    const settings = await readSettings({ propertiesFile, dataDir, overrides }, io.env)
    const { clusterId, nodeId, topics, partitions, changed } = await importIntoEtcd(
      settings,
      await openLog(io.stderr),
    ).catch((error) => {
      throw startFailure(error, settings)
    })
    io.stdout.write(
      changed
        ? `Imported: ${topics} topics, ${partitions} partitions of cluster ${clusterId}\n` +
            `Start broker ${nodeId} with etcd.endpoints from now on; without it the folder is refused\n`
        : `Nothing to do: broker ${nodeId} of cluster ${clusterId} is in etcd already\n`,
    )
    return 0
  },
})
