/** What is wrong with a file of a log, and what to do about it. */

const advice = {
  /** The file ends within a batch. */
  TORN_TAIL: 'start the broker on the folder: it cuts the file behind the last whole batch',
  /** The bytes changed after they were written, or were never a batch. */
  CORRUPT_BATCH:
    'the disk or a program changed the bytes: check the disk, then restore the partition from a replica or a copy',
  /** An order that readers rely on does not hold. */
  BAD_ORDER: 'restore the partition from a replica or a copy',
  /** The batch is larger than what is looked at. */
  NOT_CHECKED: 'read the topic with a consumer to check these records',
  BAD_INDEX: 'stop the broker and delete this file: the next start builds it anew',
  BAD_SNAPSHOT: 'stop the broker and delete this file: the next start reads the log instead',
  BAD_CHECKPOINT:
    'stop the broker and delete this file: the next start finds out from the logs, which takes longer',
  UNREADABLE: 'check who may read the file, and the disk',
} as const

export type FaultCode = keyof typeof advice

export interface Fault {
  readonly code: FaultCode
  readonly file: string
  /** Of the first byte that is concerned. */
  readonly position: number
  readonly problem: string
  readonly advice: string
}

export function fault(code: FaultCode, file: string, position: number, problem: string): Fault {
  return { code, file, position, problem, advice: advice[code] }
}

/** What looks broken must have stayed as it is for so long (ms): a write of a batch is done by then. */
export const defaultSettleMs = 250
