/** `odradek log`: shows and checks the files of logs where they lie, without a broker and without changing them. */
import { dumpLog, type Fault, verifyLog } from '../../storage/inspection/index.js'
import { RecordOutput } from '../client/record-output.js'
import { defineCommand } from '../command.js'
import { faultText, jsonRow, stringify, textRow } from '../log-rows.js'
import { UsageError } from '../usage-error.js'

const pathWord = {
  name: 'path',
  help: 'a file of a log, a partition’s folder, or a data folder',
  required: true,
} as const
const jsonOption = { type: 'boolean', short: 'j', help: 'one JSON object a line' } as const

const dump = defineCommand({
  name: 'dump',
  summary: 'print what stands in the files of a log, in the words of kafka-dump-log',
  positionals: [pathWord],
  options: {
    records: {
      type: 'boolean',
      short: 'r',
      help: 'the records of batches too',
      aliases: ['print-data-log', 'deep-iteration'],
    },
    json: jsonOption,
  },
  examples: [
    'odradek log dump data/orders-0 --records',
    'odradek log dump data/orders-0/00000000000000000000.index',
  ],
  async run({ options, positionals }, io) {
    const output = new RecordOutput(io.stdout)
    let faults = 0
    for await (const row of dumpLog(onePath(positionals), { records: options.records })) {
      if (output.isClosed) break
      if (row.type === 'fault') faults++
      const line = options.json ? jsonRow(row) : textRow(row)
      if (output.add([Buffer.from(`${line}\n`)])) await output.flush()
    }
    await output.flush()
    return faults > 0 ? 1 : 0
  },
})

const verify = defineCommand({
  name: 'verify',
  summary: 'check the files of a log, and print what is wrong and what to do',
  positionals: [pathWord],
  options: { json: jsonOption },
  examples: ['odradek log verify data', 'odradek log verify data/orders-0 --json'],
  async run({ options, positionals }, io) {
    const output = new RecordOutput(io.stdout)
    const print = async (line: string) => {
      if (output.add([Buffer.from(`${line}\n`)])) await output.flush()
    }
    const report = await verifyLog(onePath(positionals), (found: Fault) =>
      print(options.json ? stringify({ type: 'fault', ...found }) : faultText(found)),
    )
    const { files, batches, records, bytes, faults } = report
    await print(
      options.json
        ? stringify({ type: 'summary', ...report })
        : `${files} files, ${batches} batches, ${records} records, ${bytes} bytes: ${faults === 0 ? 'no' : faults} fault${faults === 1 ? '' : 's'}`,
    )
    await output.flush()
    return faults > 0 ? 1 : 0
  },
})

function onePath(positionals: readonly string[]): string {
  const [path] = positionals
  if (path === undefined) throw new UsageError('name a file or a folder (see odradek log --help)')
  return path
}

export const logCommand = defineCommand({
  name: 'log',
  summary: 'show and check the files of logs, without a broker',
  subcommands: [dump, verify],
})
