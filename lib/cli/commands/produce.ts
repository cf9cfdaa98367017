/** `odradek produce`: each line of the input becomes a record; the flags are those of kafka-console-producer. */
import {
  booleanProperty,
  connectionOptions,
  connectionSettings,
  integerProperty,
  nameValues,
} from '../client/connection-options.js'
import { readLines } from '../client/line-reader.js'
import { lineParser, unescapeText } from '../client/line-record.js'
import { type Compression, RecordSender, type SenderOptions } from '../client/record-sender.js'
import { defineCommand } from '../command.js'
import { UsageError } from '../usage-error.js'

const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const PRODUCER_PROPERTIES = [
  'acks',
  'batch.size',
  'compression.type',
  'enable.idempotence',
  'linger.ms',
  'max.request.size',
]
/** Well below the broker's default `max.message.bytes` of 1,048,588. */
const DEFAULT_BATCH_BYTES = 512 * 1024
const DEFAULT_MAX_REQUEST_BYTES = 1024 * 1024

export const produceCommand = defineCommand({
  name: 'produce',
  summary: 'send each line of standard input as a record',
  positionals: [{ name: 'topic', help: 'where the records go' }],
  options: {
    ...connectionOptions,
    topic: { type: 'string', short: 't', help: 'the topic; the first word does as well' },
    partition: { type: 'integer', short: 'p', help: 'the partition of all records (default: by key)' },
    acks: {
      type: 'string',
      choices: ['0', '1', '-1', 'all'],
      aliases: ['request-required-acks'],
      help: 'who must have a record before it counts as sent: nobody, the leader, all in sync (default all)',
    },
    key: { type: 'string', short: 'k', help: 'the key of all records' },
    'parse-key': { type: 'boolean', help: 'a line is KEY, the separator, and VALUE' },
    'key-separator': { type: 'string', help: 'stands between key and value (default: a tab)' },
    header: {
      type: 'string',
      short: 'H',
      value: 'NAME=VALUE',
      multiple: true,
      help: 'a header of all records',
    },
    'parse-headers': { type: 'boolean', help: 'a line starts with NAME:VALUE,... and a tab' },
    'null-marker': { type: 'string', help: 'a key or value of this text is null' },
    compression: {
      type: 'string',
      short: 'z',
      choices: COMPRESSIONS,
      aliases: ['compression-codec'],
      help: 'how batches are compressed (default none)',
    },
    property: {
      type: 'string',
      value: 'NAME=VALUE',
      multiple: true,
      aliases: ['reader-property'],
      help: 'how lines are read, by Kafka’s names: parse.key, key.separator, parse.headers, null.marker …',
    },
    'producer-property': {
      type: 'string',
      value: 'NAME=VALUE',
      multiple: true,
      aliases: ['command-property'],
      help: `by Kafka’s names: ${PRODUCER_PROPERTIES.join(', ')}`,
    },
  },
  examples: [
    'echo hello | odradek produce greetings',
    'odradek produce orders --parse-key --key-separator : -z lz4 < orders.txt',
  ],
  async run({ options, positionals }, io) {
    const topic = options.topic ?? positionals[0]
    if (topic === undefined) throw new UsageError('name a topic')
    const settings = await connectionSettings(options, PRODUCER_PROPERTIES, options['producer-property'])
    const line = new Map(nameValues(options.property))
    if (options['parse-key']) line.set('parse.key', 'true')
    if (options['parse-headers']) line.set('parse.headers', 'true')
    if (options['key-separator'] !== undefined) line.set('key.separator', options['key-separator'])
    if (options['null-marker'] !== undefined) line.set('null.marker', options['null-marker'])
    const parse = lineParser(line, {
      key: options.key === undefined ? undefined : Buffer.from(options.key),
      headers: nameValues(options.header).map(([name, value]) => [
        Buffer.from(name),
        Buffer.from(unescapeText(value)),
      ]),
    })
    const maxLineBytes = integerProperty(settings.properties, 'max.request.size', DEFAULT_MAX_REQUEST_BYTES)
    const sender = await RecordSender.open(settings, senderOptions(topic, options, settings.properties))
    try {
      for await (const lines of readLines(io.stdin, maxLineBytes)) {
        for (const bytes of lines) await sender.add(parse(bytes))
      }
    } catch (error) {
      // What was read before the failure is still sent; the failure itself is what counts.
      await sender.close().catch(() => {})
      throw error
    } finally {
      io.stdin.destroy()
    }
    await sender.close()
    return 0
  },
})

function senderOptions(
  topic: string,
  options: { partition: number | undefined; acks: string | undefined; compression: Compression | undefined },
  properties: ReadonlyMap<string, string>,
): SenderOptions {
  const acksText = options.acks ?? properties.get('acks') ?? 'all'
  const acks = { all: -1, '-1': -1, '0': 0, '1': 1 }[acksText] as -1 | 0 | 1 | undefined
  if (acks === undefined) throw new UsageError(`acks is one of 0, 1, -1, all, not ${acksText}`)
  const compression = options.compression ?? properties.get('compression.type') ?? 'none'
  if (!isCompression(compression)) {
    throw new UsageError(`compression.type is one of ${COMPRESSIONS.join(', ')}, not ${compression}`)
  }
  const idempotent = booleanProperty(properties, 'enable.idempotence', acks === -1)
  if (idempotent && acks !== -1) throw new UsageError('enable.idempotence needs acks=all')
  if (options.partition !== undefined && options.partition < 0)
    throw new UsageError('partitions count from 0')
  return {
    topic,
    partition: options.partition,
    acks,
    idempotent,
    compression,
    batchBytes: integerProperty(properties, 'batch.size', DEFAULT_BATCH_BYTES),
    lingerMs: integerProperty(properties, 'linger.ms', 5),
  }
}

function isCompression(text: string): text is Compression {
  return (COMPRESSIONS as readonly string[]).includes(text)
}
