/** `odradek configs`: shows and alters the settings of topics and brokers; the flags are those of kafka-configs. */
import { readFile } from 'node:fs/promises'
import { parseProperties } from '../../config/index.js'
import { type ConfigEntityType, withCluster } from '../client/cluster.js'
import { connectionOptions, connectionSettings } from '../client/connection-options.js'
import { defineCommand } from '../command.js'
import { UsageError } from '../usage-error.js'

const entityOptions = {
  'entity-type': {
    type: 'string',
    choices: ['topics', 'brokers'],
    help: 'what has the settings; --topic and --broker say it shorter',
  },
  'entity-name': { type: 'string', value: 'NAME', help: 'the topic’s name or the broker’s id' },
  'entity-default': { type: 'boolean', help: 'the default of all brokers' },
  topic: { type: 'string', short: 't', help: 'a topic' },
  broker: { type: 'string', value: 'ID', help: 'a broker' },
  'broker-defaults': { type: 'boolean', help: 'the default of all brokers' },
} as const

interface EntityValues {
  'entity-type': 'topics' | 'brokers' | undefined
  'entity-name': string | undefined
  'entity-default': boolean
  topic: string | undefined
  broker: string | undefined
  'broker-defaults': boolean
}

interface Entity {
  type: ConfigEntityType
  /** Empty for the default of all brokers. */
  name: string
}

/** Kafka's names of where a value comes from. */
const SOURCES = new Map<number, string>([
  [1, 'DYNAMIC_TOPIC_CONFIG'],
  [2, 'DYNAMIC_BROKER_CONFIG'],
  [3, 'DYNAMIC_DEFAULT_BROKER_CONFIG'],
  [4, 'STATIC_BROKER_CONFIG'],
  [5, 'DEFAULT_CONFIG'],
  [6, 'DYNAMIC_BROKER_LOGGER_CONFIG'],
])
const OWN_SOURCES: Record<ConfigEntityType, readonly number[]> = { topic: [1], broker: [2, 3] }

const describe = defineCommand({
  name: 'describe',
  summary: 'show settings and where their values come from',
  options: {
    ...connectionOptions,
    ...entityOptions,
    all: { type: 'boolean', help: 'all settings, not only those that were set here' },
    json: { type: 'boolean', help: 'one JSON object for each topic or broker' },
  },
  examples: ['odradek configs describe --topic orders --all'],
  async run({ options }, io) {
    const wanted = entity(options)
    await withCluster(await connectionSettings(options), async (cluster) => {
      const names =
        wanted.name !== undefined
          ? [wanted.name]
          : wanted.type === 'topic'
            ? (await cluster.topics()).map(({ name }) => name!)
            : (await cluster.brokers()).map(({ nodeId }) => String(nodeId))
      for (const name of names) {
        if (wanted.type === 'topic') await cluster.topic(name)
        const configs = (await cluster.describeConfigs(wanted.type, name, true))
          .filter(({ configSource }) => options.all || OWN_SOURCES[wanted.type].includes(configSource))
          .sort((a, b) => (a.name < b.name ? -1 : 1))
        if (options.json) {
          const values = configs.map(({ name: config, value, configSource, readOnly, isSensitive }) => [
            config,
            { value, source: SOURCES.get(configSource) ?? 'UNKNOWN', readOnly, sensitive: isSensitive },
          ])
          io.stdout.write(
            `${JSON.stringify({ entityType: wanted.type, name, configs: Object.fromEntries(values) })}\n`,
          )
          continue
        }
        io.stdout.write(
          `${options.all ? 'All' : 'Dynamic'} configs for ${describeEntity(wanted.type, name)} are:\n`,
        )
        for (const { name: config, value, isSensitive, synonyms } of configs) {
          const origins = synonyms.map((synonym) => {
            return `${SOURCES.get(synonym.source) ?? 'UNKNOWN'}:${synonym.name}=${synonym.value}`
          })
          io.stdout.write(`  ${config}=${value} sensitive=${isSensitive} synonyms={${origins.join(', ')}}\n`)
        }
      }
    })
    return 0
  },
})

const alter = defineCommand({
  name: 'alter',
  summary: 'set settings, or take them back to their defaults',
  options: {
    ...connectionOptions,
    ...entityOptions,
    'add-config': {
      type: 'string',
      value: 'NAME=VALUE,...',
      multiple: true,
      help: 'settings to set; [a,b] for a value with commas',
    },
    'add-config-file': { type: 'string', value: 'FILE', help: 'settings to set, from a properties file' },
    'delete-config': { type: 'string', value: 'NAME,...', multiple: true, help: 'settings to take back' },
  },
  examples: ['odradek configs alter --topic orders --add-config retention.ms=3600000'],
  async run({ options }, io) {
    const { type, name } = entity(options)
    if (name === undefined) throw new UsageError('name one topic or broker')
    const added = new Map(options['add-config'].flatMap(parseConfigs))
    const file = options['add-config-file']
    if (file !== undefined) {
      for (const [config, value] of parseProperties(await readFile(file, 'utf8'), file))
        added.set(config, value)
    }
    const deleted = options['delete-config'].flatMap((names) => names.split(',').map((text) => text.trim()))
    if (added.size + deleted.length === 0) throw new UsageError('give --add-config or --delete-config')
    await withCluster(await connectionSettings(options), async (cluster) => {
      if (type === 'topic') await cluster.topic(name)
      const own = OWN_SOURCES[type]
      const present = await cluster.describeConfigs(type, name, false)
      const missing = deleted.filter(
        (config) => !present.some((entry) => entry.name === config && own.includes(entry.configSource)),
      )
      if (missing.length > 0)
        throw new Error(`${missing.join(', ')} is not set for ${describeEntity(type, name)}`)
      await cluster.alterConfigs(type, name, [
        ...[...added].map(([config, value]) => ({ name: config, value, configOperation: SET })),
        ...deleted.map((config) => ({ name: config, configOperation: DELETE })),
      ])
      io.stdout.write(`Completed updating config for ${describeEntity(type, name)}.\n`)
    })
    return 0
  },
})

/** Operations of IncrementalAlterConfigs. */
const SET = 0 as const
const DELETE = 1 as const

export const configsCommand = defineCommand({
  name: 'configs',
  summary: 'show and alter the settings of topics and brokers',
  subcommands: [describe, alter],
})

function entity(values: EntityValues): { type: ConfigEntityType; name: string | undefined } {
  const given: { type: ConfigEntityType; name: string | undefined }[] = []
  if (values.topic !== undefined) given.push({ type: 'topic', name: values.topic })
  if (values.broker !== undefined) given.push({ type: 'broker', name: values.broker })
  if (values['broker-defaults']) given.push({ type: 'broker', name: '' })
  const type = values['entity-type']
  if (type !== undefined) {
    if (values['entity-default'] && type === 'topics') throw new UsageError('topics have no common default')
    given.push({
      type: type === 'topics' ? 'topic' : 'broker',
      name: values['entity-default'] ? '' : values['entity-name'],
    })
  }
  if (given.length !== 1) {
    throw new UsageError('say whose settings: --topic NAME, --broker ID, --broker-defaults, or --entity-type')
  }
  const [only] = given
  if (only!.type === 'broker' && only!.name && !/^\d+$/.test(only!.name)) {
    throw new UsageError(`a broker’s name is its id, not ${only!.name}`)
  }
  return only!
}

function describeEntity(type: Entity['type'], name: Entity['name']): string {
  return name === '' ? `the default of all ${type}s` : `${type} ${name}`
}

/** `a=1,b=[x,y]`: brackets keep commas together. */
function parseConfigs(text: string): [name: string, value: string][] {
  return [...text.matchAll(/([^=,]+)=(\[[^\]]*\]|[^,]*)(?:,|$)|(.+)/g)].map(([, name, value, rest]) => {
    if (rest !== undefined) throw new UsageError(`${rest} is not of the form name=value`)
    return [name!.trim(), value!.replace(/^\[(.*)\]$/, '$1')]
  })
}
