import { failure, jsonLines, Odradek } from '../../support/odradek-program.js'
import { COMPRESSIONS, type Scenario } from '../../support/suite.js'
import { uniqueName } from '../../support/target.js'

interface JsonRecord {
  topic: string
  partition: number
  offset: number
  timestamp: number
  timestampType: string
  headers: { name: string; value?: string | null }[]
  key?: string | null
  value?: string | null
  valueBase64?: string
}

const lines = (text: string) => text.split('\n').slice(0, -1)

export const recordScenarios: Scenario[] = [
  ...COMPRESSIONS.map(
    (compression): Scenario => ({
      name: `produce and consume: keys, headers and timestamps, compressed by ${compression}`,
      async run(t, { bootstrap }) {
        const cli = new Odradek(bootstrap)
        const topic = uniqueName(`cli-${compression}`)
        await cli.run(`topics create ${topic}`)
        const input = Array.from({ length: 300 }, (_, i) => `key-${i}:value ${'x'.repeat(i)}\n`).join('')
        const before = Date.now()
        await cli.run(`produce ${topic} --parse-key --key-separator : -H trace=abc -z ${compression}`, input)
        const records = jsonLines<JsonRecord>(
          await cli.run(`consume ${topic} --from-beginning -n 300 --json`),
        )
        records.forEach((record, i) => {
          t.is(record.offset, i)
          t.is(record.key, `key-${i}`)
          t.is(record.value, `value ${'x'.repeat(i)}`)
          t.deepEqual(record.headers, [{ name: 'trace', value: 'abc' }])
          t.is(record.timestampType, 'CreateTime')
          t.true(record.timestamp >= before && record.timestamp <= Date.now())
        })
      },
    }),
  ),
  {
    name: 'produce and consume: the flags of the console tools',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-console')
      await cli.run(`topics create ${topic}`)
      await cli.run(
        `produce --topic ${topic} --request-required-acks 1 --compression-codec gzip --property parse.key=true ` +
          '--property parse.headers=true --property key.separator=| --producer-property linger.ms=1',
        'a:1,b:2\tk|v\n',
      )
      const args = `consume --topic ${topic} --from-beginning --max-messages 1`
      const print = ['headers', 'key', 'partition', 'offset']
        .map((name) => `--property print.${name}=true`)
        .join(' ')
      t.is(await cli.run(`${args} ${print}`), 'Partition:0\tOffset:0\ta:1,b:2\tk\tv\n')
      t.is(await cli.run(`${args} --print-key --formatter-property key.separator==`), 'k=v\n')
      t.regex(await cli.run(`${args} --print-timestamp`), /^CreateTime:\d{13}\tv\n$/)
    },
  },
  {
    name: 'produce: acks 0, 1, all, and without idempotence',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-acks')
      await cli.run(`topics create ${topic}`)
      for (const acks of ['0', '1', '-1', 'all'])
        await cli.run(`produce ${topic} --acks ${acks}`, `${acks}\n`)
      await cli.run(`produce ${topic} --producer-property enable.idempotence=false`, 'plain\n')
      t.deepEqual(lines(await cli.run(`consume ${topic} --from-beginning -n 5`)), [
        '0',
        '1',
        '-1',
        'all',
        'plain',
      ])
    },
  },
  {
    name: 'produce: empty, null, binary and unterminated lines stay what they are',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-bytes')
      await cli.run(`topics create ${topic}`)
      const input = Buffer.from('\nNULL\nöä\r\n\xff\xfe\nlast', 'latin1')
      await cli.run(`produce ${topic} --null-marker NULL`, input)
      const records = jsonLines<JsonRecord>(await cli.run(`consume ${topic} --from-beginning -n 5 -j`))
      t.is(records[0]!.value, '')
      t.is(records[1]!.value, null)
      t.is(records[2]!.valueBase64, Buffer.from('öä', 'latin1').toString('base64'))
      t.is(records[3]!.valueBase64, '//4=')
      t.is(records[4]!.value, 'last')
      const { stdout } = await cli.try(`consume ${topic} --from-beginning -n 2`)
      t.is(stdout, '\nnull\n')
    },
  },
  {
    name: 'produce: keys choose partitions as Kafka’s own clients do',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-keys')
      await cli.run(`topics create ${topic} -p 5`)
      const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`)
      await cli.run(
        `produce ${topic} --parse-key --key-separator :`,
        keys.map((key) => `${key}:cli\n`).join(''),
      )
      const { default: kafkajs } = await import('kafkajs')
      const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
      const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
      await producer.connect()
      await producer.send({ topic, messages: keys.map((key) => ({ key, value: 'kafkajs' })) })
      await producer.disconnect()
      const records = jsonLines<JsonRecord>(await cli.run(`consume ${topic} --from-beginning -n 100 -j`))
      for (const key of keys) {
        const partitions = records.filter((record) => record.key === key).map(({ partition }) => partition)
        t.is(partitions.length, 2)
        t.is(partitions[0], partitions[1])
      }
    },
  },
  {
    name: 'produce: a large input arrives whole and in order, in bounded memory',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-large')
      await cli.run(`topics create ${topic}`)
      const count = 60_000
      const program = cli.start(`produce ${topic}`)
      const padding = 'x'.repeat(1000)
      for (let i = 0; i < count; i++) {
        if (!program.child.stdin!.write(`${i}-${padding}\n`)) {
          await new Promise((drained) => program.child.stdin!.once('drain', drained))
        }
      }
      program.child.stdin!.end()
      t.is((await program.ended).code, 0)
      const printed = lines(await cli.run(`consume ${topic} --from-beginning -n ${count}`))
      t.is(printed.length, count)
      t.true(printed.every((line, i) => line === `${i}-${padding}`))
    },
  },
  {
    name: 'consume: starts where it is told',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-start')
      await cli.run(`topics create ${topic} -p 2`)
      await cli.run(`produce ${topic} -p 1`, 'a\nb\nc\n')
      const consume = (args: string) => cli.run(`consume ${topic} ${args}`)
      t.is(await consume('--partition 1 --offset 1 --timeout-ms 500'), 'b\nc\n')
      t.is(await consume('--partition 1 --offset earliest --max-messages 2'), 'a\nb\n')
      t.is(await consume('--partition 0 --from-beginning --timeout-ms 500'), '')
      t.is(await consume('--offset latest --timeout-ms 500'), '')
      t.is(await consume('-p 1 --from-beginning --max-messages -1 --timeout-ms 500'), 'a\nb\nc\n')
      t.is(await consume('-p 1 --from-beginning --max-messages 0'), '')
      // An offset that is not there falls back as auto.offset.reset says.
      t.is(await consume('-p 1 -o 99 -n 3 --consumer-property auto.offset.reset=earliest'), 'a\nb\nc\n')
      t.is(
        failure(await cli.try(`consume ${topic} -p 1 -o 99 --consumer-property auto.offset.reset=none`)),
        `odradek consume: ${topic}-1 has no offset 99 any more`,
      )
    },
  },
  {
    name: 'consume: waits for what comes',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-wait')
      await cli.run(`topics create ${topic}`)
      await cli.run(`produce ${topic}`, 'before\n')
      const program = cli.start(`consume ${topic} --from-beginning`)
      await program.until('the first record', () => program.lines.length === 1)
      await cli.run(`produce ${topic}`, 'after\n')
      await program.until('the second record', () => program.lines.length === 2)
      t.is((await program.stop('SIGINT')).code, 0)
      t.deepEqual(program.lines, ['before', 'after'])
    },
  },
  {
    name: 'consume: a reader that closes the pipe ends it quietly',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-pipe')
      await cli.run(`topics create ${topic}`)
      await cli.run(`produce ${topic}`, 'some line of text that fills the pipe\n'.repeat(20_000))
      const program = cli.start(`consume ${topic} --from-beginning`)
      await program.until('the first record', () => program.lines.length > 0)
      program.child.stdout!.destroy()
      const { code, stderr } = await program.ended
      t.is(code, 0)
      t.is(stderr, '')
    },
  },
  {
    name: 'produce and consume: what fails says why in one line',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-wrong')
      await cli.run(`topics create ${topic}`)
      t.is(failure(await cli.try('consume nowhere')), 'odradek consume: there is no topic nowhere')
      t.is(
        failure(await cli.try(`produce ${topic} --parse-key`, 'k\tv\nno separator\n')),
        'odradek produce: line 2 has no key separator',
      )
      // What stood before the wrong line was sent.
      t.is(await cli.run(`consume ${topic} --from-beginning -n 1 --print-key`), 'k\tv\n')
      t.is(
        failure(await cli.try(`produce ${topic}`, 'y'.repeat(2_000_000))),
        'odradek produce: line 1 is longer than max.request.size, 1048576 bytes',
      )
      t.is(
        failure(await cli.try(`produce ${topic} -p 7`, 'x\n')),
        `odradek produce: ${topic} has no partition 7`,
      )
      await cli.run(`configs alter -t ${topic} --add-config max.message.bytes=500`)
      t.regex(failure(await cli.try(`produce ${topic}`, 'y'.repeat(1000))), /MESSAGE_TOO_LARGE/)
    },
  },
]
