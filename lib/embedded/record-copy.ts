/** Copies of records whose append has to wait: the caller may reuse its buffers as soon as `append` returns. */
import type { Content, RecordInput } from './log-record.js'

export interface CopiedRecords {
  readonly records: RecordInput | readonly RecordInput[]
  /** Of keys and values. */
  readonly sizeInBytes: number
}

/** What is no record is passed on as it is, to be refused by who checks it. */
export function copyRecords(given: RecordInput | readonly RecordInput[]): CopiedRecords {
  let sizeInBytes = 0
  const copy = (content: Content | null | undefined): Content | null | undefined => {
    if (content === null || content === undefined) return content
    sizeInBytes += content.length
    return content instanceof Uint8Array ? Buffer.from(content) : content
  }
  const one = (record: RecordInput): RecordInput => {
    if (record === null || typeof record !== 'object') return record
    const copied = { ...record, value: copy(record.value) as Content | null, key: copy(record.key) }
    if (record.headers !== undefined) copied.headers = structuredClone(record.headers)
    return copied as RecordInput
  }
  const records = Array.isArray(given) ? given.map(one) : one(given as RecordInput)
  return { records, sizeInBytes }
}
