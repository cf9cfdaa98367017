/**
 * Ends the transactions that a log was left with. This broker coordinates none, so that they come from Kafka, and
 * nobody else would ever end them: readers of committed records would wait below them for good. As a coordinator
 * does after a restart, one whose commit was decided (`__transaction_state` says so) is committed, any other aborted.
 */
import type { Logger } from 'pino'
import { decode, decodeBatch, readBatches, type TransactionLogValue } from '../../protocol/index.js'
import type { Partition, Replicas } from '../../replica/index.js'

const TRANSACTIONS_TOPIC = '__transaction_state'
const runBytes = 1 << 20
const maxUnpackedBytes = 512 << 20
const prepareCommit = 2
/** The highest epoch that a marker may raise a producer to. */
const lastEpoch = 32_766
/** Transactions that a log line names. */
const maxNamed = 20

/** REQUIRES: the logs are open and nothing is served yet. */
export async function endOpenTransactions(replicas: Replicas, log: Logger): Promise<void> {
  const open = [...replicas].filter(
    ({ isLeader, log: { transactions } }) => isLeader && transactions.open.length > 0,
  )
  if (open.length === 0) return
  const commits = await decidedCommits(replicas)
  const ended: { partition: string; producerId: number; firstOffset: number; type: string }[] = []
  for (const partition of open) {
    const name = `${partition.topic}-${partition.partition}`
    try {
      for (const transaction of partition.log.transactions.open) {
        const { producerId, producerEpoch, firstOffset } = transaction
        const commit = commits.get(`${producerId} ${name}`)
        const type = commit === undefined ? 'ABORT' : 'COMMIT'
        await partition.endTransaction(transaction, type, commit ?? Math.min(producerEpoch + 1, lastEpoch))
        ended.push({ partition: name, producerId, firstOffset, type })
      }
    } catch (error) {
      log.error({ err: error, partition: name }, 'open transactions could not be ended')
    }
  }
  const transactions = ended.slice(0, maxNamed)
  log.warn({ count: ended.length, transactions }, 'transactions that Kafka left open were ended')
}

/** Producer epochs of the transactions whose commit was decided, by producer id and partition. */
async function decidedCommits(replicas: Replicas): Promise<Map<string, number>> {
  const last = new Map<string, TransactionLogValue>()
  for (const partition of replicas) {
    if (partition.topic === TRANSACTIONS_TOPIC) await readStates(partition, last)
  }
  const commits = new Map<string, number>()
  for (const { producerId, producerEpoch, transactionStatus, transactionPartitions } of last.values()) {
    if (transactionStatus !== prepareCommit) continue
    for (const { topic, partitionIds } of transactionPartitions ?? []) {
      for (const id of partitionIds) commits.set(`${producerId} ${topic}-${id}`, producerEpoch)
    }
  }
  return commits
}

/** The last state of each transactional id. */
async function readStates({ log }: Partition, last: Map<string, TransactionLogValue>): Promise<void> {
  let offset = log.logStartOffset
  while (offset < log.logEndOffset) {
    const options = { maxBytes: runBytes, minOneBatch: true, maxOffset: log.logEndOffset }
    const run = await log.native.readBytes(offset, options)
    if (run.byteLength === 0) return
    const before = offset
    for (const header of readBatches(run)) {
      offset = Number(header.baseOffset) + header.lastOffsetDelta + 1
      if (header.isControl) continue
      const { records } = await decodeBatch(header.batch, 0, maxUnpackedBytes)
      for (const { key, value } of records) if (key !== null) note(last, key, value)
    }
    if (offset === before) return
  }
}

function note(last: Map<string, TransactionLogValue>, key: Uint8Array, value: Uint8Array | null): void {
  const { transactionalId } = decode('TransactionLogKey', versionOf(key), key, 2)
  if (value === null) last.delete(transactionalId)
  else last.set(transactionalId, decode('TransactionLogValue', versionOf(value), value, 2))
}

function versionOf(bytes: Uint8Array): number {
  return (bytes[0]! << 8) | bytes[1]!
}
