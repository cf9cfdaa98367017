/** The files that are read as a whole: snapshots, transaction indexes, checkpoints. */
import { decodeCheckpoint } from '../../log/checkpoint-file.js'
import { type AbortedTransaction, decodeTransactionIndex } from '../../log/transaction-index.js'
import { rewindSequence } from '../batch-identity.js'
import { decodeProducerSnapshot } from '../producer-snapshot.js'
import type { ProducerSummary } from '../producer-state.js'
import { FileWindow } from './file-window.js'
import type { LogFile } from './log-files.js'

/** Beyond any that a broker writes: 100,000 producers are 26 MB. */
const maxBytes = 64 << 20

/** What such a file says, in its own terms. */
export type SmallFileRow =
  | ({ type: 'producer'; firstSequence: number } & ProducerSummary)
  | ({ type: 'abortedTransaction'; version: number } & AbortedTransaction)
  | { type: 'leaderEpoch'; epoch: number; startOffset: number }
  | { type: 'partitionOffset'; topic: string; partition: number; offset: number }
  | { type: 'property'; name: string; value: string }

/** Throws an error that says what is wrong with the file's content. */
export async function readSmallFile(file: LogFile): Promise<SmallFileRow[]> {
  const window = await FileWindow.open(file.path)
  let bytes: Buffer
  try {
    if (window.size > maxBytes) throw new Error(`${window.size} bytes are more than such a file has`)
    bytes = Buffer.from(await window.read(0, window.size))
  } finally {
    await window.close()
  }
  switch (file.kind) {
    case 'producerSnapshot': {
      const producers = decodeProducerSnapshot(bytes)
      if (producers === null)
        throw new Error('the CRC, the version or the number of producers does not match')
      return producers.map((producer) => ({
        type: 'producer',
        firstSequence: rewindSequence(producer.lastSequence, producer.offsetDelta),
        ...producer,
      }))
    }
    case 'transactionIndex': {
      const aborted = decodeTransactionIndex(bytes)
      if (aborted === null)
        throw new Error('it has a part of an entry, an unknown version, or offsets out of order')
      return aborted.map((entry) => ({ type: 'abortedTransaction', version: 0, ...entry }))
    }
    case 'leaderEpochs':
      return leaderEpochs(decodeCheckpoint(file.path, bytes))
    case 'partitionOffsets':
      return decodeCheckpoint(file.path, bytes).map((line) => {
        const match = /^(\S+) (\d+) (\d+)$/.exec(line)
        if (!match) throw new Error(`the line ${JSON.stringify(line)}`)
        return {
          type: 'partitionOffset',
          topic: match[1]!,
          partition: Number(match[2]),
          offset: Number(match[3]),
        }
      })
    default: {
      const lines = bytes
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
      return lines.map((line) => {
        const match = /^(\w+): (\S+)$/.exec(line)
        if (!match) throw new Error(`the line ${JSON.stringify(line)}`)
        return { type: 'property', name: match[1]!, value: match[2]! }
      })
    }
  }
}

function leaderEpochs(lines: readonly string[]): SmallFileRow[] {
  let before = { epoch: -1, startOffset: -1 }
  return lines.map((line) => {
    const match = /^(\d+) (\d+)$/.exec(line)
    if (!match) throw new Error(`the line ${JSON.stringify(line)}`)
    const entry = { epoch: Number(match[1]), startOffset: Number(match[2]) }
    if (entry.epoch <= before.epoch || entry.startOffset < before.startOffset) {
      throw new Error(
        `epoch ${entry.epoch} from ${entry.startOffset} on, after ${before.epoch} from ${before.startOffset} on`,
      )
    }
    before = entry
    return { type: 'leaderEpoch', ...entry }
  })
}
