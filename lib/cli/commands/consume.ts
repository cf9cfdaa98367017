/** `odradek consume`: prints the records of a topic; the flags are those of kafka-console-consumer. */
import type { Consumer } from '@platformatic/kafka'
import { sleep } from '../../time/index.js'
import { Cluster, clientOptions, EARLIEST, LATEST } from '../client/cluster.js'
import {
  booleanProperty,
  connectionOptions,
  connectionSettings,
  integerProperty,
  nameValues,
} from '../client/connection-options.js'
import { loadKafka } from '../client/kafka-library.js'
import { ReadingGroup } from '../client/reading-group.js'
import { jsonFormat, type RecordFormat, textFormat } from '../client/record-format.js'
import { RecordOutput } from '../client/record-output.js'
import { outOfRange, type ReadPosition, RecordReader } from '../client/record-reader.js'
import { requestFailure } from '../client/request-failure.js'
import { type CommandIo, defineCommand } from '../command.js'
import { UsageError } from '../usage-error.js'

const CONSUMER_PROPERTIES = [
  'auto.commit.interval.ms',
  'auto.offset.reset',
  'enable.auto.commit',
  'fetch.max.bytes',
  'fetch.max.wait.ms',
  'group.id',
  'heartbeat.interval.ms',
  'isolation.level',
  'max.poll.interval.ms',
  'session.timeout.ms',
]

export const consumeCommand = defineCommand({
  name: 'consume',
  summary: 'print the records of a topic',
  positionals: [{ name: 'topic', help: 'what is read' }],
  options: {
    ...connectionOptions,
    topic: { type: 'string', short: 't', help: 'the topic; the first word does as well' },
    partition: { type: 'integer', short: 'p', help: 'only this partition' },
    offset: {
      type: 'string',
      short: 'o',
      value: 'OFFSET',
      help: 'where to start: earliest, latest, or a number (default latest)',
    },
    'from-beginning': { type: 'boolean', help: 'start with the earliest record, or where the group stands' },
    group: {
      type: 'string',
      short: 'g',
      value: 'NAME',
      help: 'read as a member of this group and commit; without it, nothing is committed',
    },
    'max-messages': { type: 'integer', short: 'n', help: 'end after so many records; -1 for never' },
    'timeout-ms': { type: 'integer', value: 'MS', help: 'end when no record came for so long' },
    'isolation-level': {
      type: 'string',
      choices: ['read_uncommitted', 'read_committed'],
      help: 'whether records of open and aborted transactions are read (default read_uncommitted)',
    },
    json: { type: 'boolean', short: 'j', help: 'one JSON object for each record' },
    'print-key': { type: 'boolean', help: 'print keys' },
    'print-timestamp': { type: 'boolean', help: 'print timestamps' },
    'print-partition': { type: 'boolean', help: 'print partitions' },
    'print-offset': { type: 'boolean', help: 'print offsets' },
    'print-headers': { type: 'boolean', help: 'print headers' },
    'key-separator': { type: 'string', help: 'stands between what is printed (default: a tab)' },
    property: {
      type: 'string',
      value: 'NAME=VALUE',
      multiple: true,
      aliases: ['formatter-property'],
      help: 'what is printed, by Kafka’s names: print.key, print.timestamp, key.separator, null.literal …',
    },
    'consumer-property': {
      type: 'string',
      value: 'NAME=VALUE',
      multiple: true,
      aliases: ['command-property'],
      help: `by Kafka’s names: ${CONSUMER_PROPERTIES.join(', ')}`,
    },
  },
  examples: [
    'odradek consume orders --from-beginning --print-key',
    'odradek consume orders --group billing --json | jq .value',
  ],
  async run({ options, positionals }, io) {
    const topic = options.topic ?? positionals[0]
    if (topic === undefined) throw new UsageError('name a topic')
    const settings = await connectionSettings(options, CONSUMER_PROPERTIES, options['consumer-property'])
    const { properties } = settings
    const groupId = options.group ?? properties.get('group.id')
    if (groupId !== undefined && (options.partition !== undefined || options.offset !== undefined)) {
      throw new UsageError('a group gives out partitions and offsets: leave --partition and --offset out')
    }
    if (options.offset !== undefined && options['from-beginning']) {
      throw new UsageError('--offset and --from-beginning contradict each other')
    }
    const format = options.json ? jsonFormat : textFormat(formatProperties(options))
    const isolation = options['isolation-level'] ?? properties.get('isolation.level') ?? 'read_uncommitted'
    const resetTo = properties.get('auto.offset.reset') ?? 'latest'
    if (!['earliest', 'latest', 'none'].includes(resetTo)) {
      throw new UsageError(`auto.offset.reset is one of earliest, latest, none, not ${resetTo}`)
    }

    const kafka = await loadKafka()
    const admin = new kafka.Admin(clientOptions(settings))
    const consumer: Consumer = new kafka.Consumer({
      ...clientOptions(settings),
      // The library wants a name; without a group it is never sent.
      groupId: groupId ?? 'none',
    })
    try {
      const cluster = new Cluster(kafka, admin)
      const offsetAt = async (partition: number, where: bigint) => {
        const [listed] = await cluster.listOffsets(new Map([[topic, [partition]]]), where)
        return listed!.offset
      }
      const count = (await cluster.topic(topic)).partitions.length
      const reader = new RecordReader(consumer, {
        isolationLevel: isolation === 'read_committed' ? 1 : 0,
        maxWaitMs: Math.min(
          integerProperty(properties, 'fetch.max.wait.ms', 500),
          Math.max(1, options['timeout-ms'] ?? Number.POSITIVE_INFINITY),
        ),
        maxBytes: integerProperty(properties, 'fetch.max.bytes', 8 * 1024 * 1024),
        onOutOfRange: (position) => {
          if (resetTo === 'none') outOfRange(position)
          return offsetAt(position.partition, resetTo === 'earliest' ? EARLIEST : LATEST)
        },
      })

      let group: ReadingGroup | undefined
      if (groupId !== undefined) {
        group = new ReadingGroup(consumer, reader, {
          topic,
          initialOffset: (partition) => {
            if (options['from-beginning']) return offsetAt(partition, EARLIEST)
            if (resetTo === 'none')
              throw new Error(`the group ${groupId} has no offset of ${topic}-${partition}`)
            return offsetAt(partition, resetTo === 'earliest' ? EARLIEST : LATEST)
          },
          sessionTimeoutMs: integerProperty(properties, 'session.timeout.ms', 45_000),
          rebalanceTimeoutMs: integerProperty(properties, 'max.poll.interval.ms', 300_000),
          heartbeatIntervalMs: integerProperty(properties, 'heartbeat.interval.ms', 3000),
        })
        await group.join()
      } else {
        const start = startOffset(options.offset, options['from-beginning'], resetTo)
        if (options.partition !== undefined && (options.partition < 0 || options.partition >= count)) {
          throw new UsageError(`${topic} has no partition ${options.partition}`)
        }
        const partitions = options.partition === undefined ? [...Array(count).keys()] : [options.partition]
        const positions = partitions.map(async (partition): Promise<ReadPosition> => {
          const offset = start < 0n ? await offsetAt(partition, start) : start
          return { topic, partition, offset, leaderEpoch: -1 }
        })
        reader.assign(await Promise.all(positions))
      }
      const commitEveryMs = booleanProperty(properties, 'enable.auto.commit', true)
        ? integerProperty(properties, 'auto.commit.interval.ms', 5000)
        : undefined
      const most = options['max-messages'] ?? -1
      await print(reader, group, io, {
        format,
        maxMessages: most < 0 ? undefined : most,
        timeoutMs: options['timeout-ms'],
        commitEveryMs,
      })
    } catch (error) {
      throw requestFailure(error)
    } finally {
      await Promise.all([consumer.close(true), admin.close()])
    }
    return 0
  },
})

interface PrintSettings {
  format: RecordFormat
  maxMessages: number | undefined
  timeoutMs: number | undefined
  /** Undefined: never commit. */
  commitEveryMs: number | undefined
}

/** Prints until the count, the time, a signal or the reader of the pipe ends it, and commits what was printed. */
async function print(
  reader: RecordReader,
  group: ReadingGroup | undefined,
  io: CommandIo,
  { format, maxMessages = Number.POSITIVE_INFINITY, timeoutMs, commitEveryMs }: PrintSettings,
): Promise<void> {
  const output = new RecordOutput(io.stdout)
  let stopped = maxMessages === 0
  const stop = () => {
    stopped = true
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop)
  let printed = 0
  let lastRecordAt = performance.now()
  let lastCommitAt = performance.now()
  try {
    while (!stopped) {
      await group?.settled()
      for await (const [record, position] of reader.poll()) {
        if (!reader.owns(position)) continue
        const isFull = output.add(format(record))
        position.offset = record.offset + 1n
        printed++
        if (isFull) await output.flush()
        if (output.isClosed || printed >= maxMessages) stop()
        if (stopped) break
        lastRecordAt = performance.now()
      }
      await output.flush()
      if (output.isClosed) break
      const now = performance.now()
      if (timeoutMs !== undefined && now - lastRecordAt >= timeoutMs) break
      if (commitEveryMs !== undefined && now - lastCommitAt >= commitEveryMs) {
        await group?.commit()
        lastCommitAt = now
      }
      if (reader.positions.length === 0) await sleep(100)
    }
    if (commitEveryMs !== undefined) await group?.commitBeforeLeaving()
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop)
  }
}

/** −1 and −2 stand for the latest and the earliest offset. */
function startOffset(text: string | undefined, fromBeginning: boolean, resetTo: string): bigint {
  const word = text ?? (fromBeginning || resetTo === 'earliest' ? 'earliest' : 'latest')
  if (word === 'earliest') return EARLIEST
  if (word === 'latest') return LATEST
  if (!/^\d+$/.test(word)) throw new UsageError(`--offset is earliest, latest or a number, not ${word}`)
  return BigInt(word)
}

function formatProperties(options: {
  property: string[]
  'print-key': boolean
  'print-timestamp': boolean
  'print-partition': boolean
  'print-offset': boolean
  'print-headers': boolean
  'key-separator': string | undefined
}): Map<string, string> {
  const properties = new Map(nameValues(options.property))
  for (const name of ['key', 'timestamp', 'partition', 'offset', 'headers'] as const) {
    if (options[`print-${name}`]) properties.set(`print.${name}`, 'true')
  }
  if (options['key-separator'] !== undefined) properties.set('key.separator', options['key-separator'])
  return properties
}
