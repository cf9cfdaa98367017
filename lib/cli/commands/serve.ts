/** `odradek serve`: runs a broker until it is told to stop. */

import { defineCommand } from '../command.js'

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'run a broker until SIGTERM, SIGINT or SIGHUP',
  positionals: [{ name: 'server.properties', help: 'settings, in the format of Kafka’s file' }],
  options: {
    port: { type: 'integer', short: 'p', help: 'listen on this port; 0 takes a free one (default 9092)' },
    data: { type: 'string', short: 'd', value: 'DIR', help: 'keep the data in this folder (default ./data)' },
    override: {
      type: 'string',
      short: 'o',
      multiple: true,
      value: 'NAME=VALUE',
      help: 'set one setting; comes before the file and the environment',
    },
  },
  examples: [
    'odradek serve',
    'odradek serve config/server.properties --override log.retention.hours=24',
    'ODRADEK_NUM_PARTITIONS=6 odradek serve --port 0 --data /var/lib/odradek',
  ],
  async run({ options, positionals }, io) {
    // Help is written without loading the broker.
    const { runServe } = await import('../serve.js')
    return runServe(
      {
        propertiesFile: positionals[0],
        port: options.port,
        dataDir: options.data,
        overrides: options.override,
      },
      io,
    )
  },
})
