/** Writes what stands in a log's files: as text in the words of kafka-dump-log, or as JSON. */
import type { Int64 } from '../protocol/index.js'
import type { BatchRow, DumpRow, Fault, RecordRow } from '../storage/inspection/index.js'

/** What could steer a terminal, or break a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g

/** One line, without its end. */
export function textRow(row: DumpRow): string {
  switch (row.type) {
    case 'file':
      return row.kind === 'log'
        ? `Dumping ${row.path}\nLog starting offset: ${row.baseOffset}`
        : `Dumping ${row.path}`
    case 'batch':
      return batchText(row)
    case 'record':
      return recordText(row)
    case 'offsetIndexEntry':
      return `offset: ${row.offset} position: ${row.position}`
    case 'timeIndexEntry':
      return `timestamp: ${row.timestamp} offset: ${row.offset}`
    case 'producer':
      return producerText(row)
    case 'abortedTransaction':
      return `version: ${row.version} producerId: ${row.producerId} firstOffset: ${row.firstOffset} lastOffset: ${row.lastOffset} lastStableOffset: ${row.lastStableOffset}`
    case 'leaderEpoch':
      return `epoch: ${row.epoch} startOffset: ${row.startOffset}`
    case 'partitionOffset':
      return `topic: ${row.topic} partition: ${row.partition} offset: ${row.offset}`
    case 'property':
      return `${row.name}: ${row.value}`
    case 'fault':
      return faultText(row)
  }
}

export function faultText({ file, position, problem, advice }: Fault): string {
  return `FAULT ${file} at ${position}: ${printable(problem)}. To do: ${advice}.`
}

/** One object a line. Bytes that are no UTF-8 stand in base64 under `keyBase64` and `valueBase64`. */
export function jsonRow(row: DumpRow): string {
  if (row.type !== 'record') return stringify(row)
  const { key, value, headers, ...rest } = row
  return stringify({
    ...rest,
    headers: headers.map((header) => ({ key: header.key, ...content('value', header.value) })),
    ...content('key', key),
    ...content('value', value),
  })
}

export function stringify(value: object): string {
  // JSON has no integers beyond 2^53.
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each))
}

function batchText(row: BatchRow): string {
  return [
    `baseOffset: ${row.baseOffset} lastOffset: ${row.lastOffset} count: ${row.count}`,
    `baseSequence: ${row.baseSequence} lastSequence: ${row.lastSequence}`,
    `producerId: ${row.producerId} producerEpoch: ${row.producerEpoch}`,
    `partitionLeaderEpoch: ${row.partitionLeaderEpoch} isTransactional: ${row.isTransactional}`,
    `isControl: ${row.isControl} deleteHorizonMs: ${optional(row.deleteHorizonMs)} position: ${row.position}`,
    `${row.timestampType}: ${row.maxTimestamp} size: ${row.sizeInBytes} magic: ${row.magic}`,
    `compresscodec: ${row.codec} crc: ${row.crc} isvalid: ${row.isValid}`,
  ].join(' ')
}

function producerText(row: DumpRow & { type: 'producer' }): string {
  const { producerId, producerEpoch, coordinatorEpoch, currentTxnFirstOffset, timestampMs } = row
  const state = [
    `producerId: ${producerId} producerEpoch: ${producerEpoch} coordinatorEpoch: ${coordinatorEpoch}`,
    `currentTxnFirstOffset: ${optional(currentTxnFirstOffset < 0 ? null : currentTxnFirstOffset)}`,
    `lastTimestamp: ${timestampMs}`,
  ]
  if (row.lastOffset >= 0) {
    state.push(
      `firstSequence: ${row.firstSequence} lastSequence: ${row.lastSequence} lastOffset: ${row.lastOffset}`,
      `offsetDelta: ${row.offsetDelta} timestamp: ${timestampMs}`,
    )
  }
  if (row.earlier.length > 0) state.push(`earlierBatches: ${row.earlier.length}`)
  return state.join(' ')
}

function recordText(row: RecordRow): string {
  const names = row.headers.map(({ key }) => printable(key)).join(',')
  const more = row.headerCount > row.headers.length ? `,... ${row.headerCount} in all` : ''
  const head = [
    `| offset: ${row.offset} ${row.timestampType}: ${row.timestamp}`,
    `keySize: ${row.key?.length ?? -1} valueSize: ${row.value?.length ?? -1}`,
    `sequence: ${row.sequence} headerKeys: [${names}${more}]`,
  ].join(' ')
  if (row.control !== undefined) {
    const { kind, coordinatorEpoch } = row.control
    if (coordinatorEpoch === null) return `${head} controlType: ${kind}`
    return `${head} endTxnMarker: ${kind} coordinatorEpoch: ${coordinatorEpoch}`
  }
  const key = row.key === null ? '' : ` key: ${shown(row.key)}`
  const payload = row.value === null ? '' : ` payload: ${shown(row.value)}`
  return head + key + payload
}

function optional(value: Int64 | null): string {
  return value === null ? 'OptionalLong.empty' : `OptionalLong[${value}]`
}

function shown(bytes: Uint8Array): string {
  return printable(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
}

function printable(text: string): string {
  return text.replace(controlCharacters, (character) => {
    const code = character.charCodeAt(0)
    return `\\u${code.toString(16).padStart(4, '0')}`
  })
}

function content(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const text = buffer.toString('utf8')
  if (text.includes('\ufffd') && !Buffer.from(text).equals(buffer)) {
    return { [`${name}Base64`]: buffer.toString('base64') }
  }
  return { [name]: text }
}
