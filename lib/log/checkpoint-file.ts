/**
 * Kafka's checkpoint files: text, `version` and `count` on lines of their own, then an entry a line. Offsets of
 * partitions (`topic partition offset`) and leader epochs (`epoch startOffset`) have this form.
 */
import type { Files } from '../native/types.js'

const supportedVersion = 0

/** A checkpoint whose bytes are not one: what it says must be found out another way. */
export class CorruptCheckpointError extends Error {
  readonly code = 'CORRUPT_CHECKPOINT'
  readonly path: string

  constructor(path: string, why: string) {
    super(`${path} is not a checkpoint file: ${why}`)
    this.name = 'CorruptCheckpointError'
    this.path = path
  }
}

/** A checkpoint of a version that this program does not know. */
export class UnsupportedCheckpointError extends CorruptCheckpointError {
  constructor(path: string, version: string) {
    super(path, `version ${version}`)
    this.name = 'UnsupportedCheckpointError'
  }
}

export function encodeCheckpoint(lines: readonly string[]): Uint8Array {
  return Buffer.from(`${[supportedVersion, lines.length, ...lines].join('\n')}\n`)
}

export function decodeCheckpoint(path: string, bytes: Uint8Array): string[] {
  const [version, count, ...entries] = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .split('\n')
  // Each line ends, the last one too: without its end an offset might be half of one.
  const isWhole = entries.pop() === ''
  if (version !== String(supportedVersion)) {
    if (/^[1-9]\d{0,8}$/.test(version ?? '')) throw new UnsupportedCheckpointError(path, version!)
    throw new CorruptCheckpointError(path, `version ${version}`)
  }
  if (!isWhole) throw new CorruptCheckpointError(path, 'its last line has no end')
  if (count !== String(entries.length)) {
    throw new CorruptCheckpointError(path, `${entries.length} entries where ${count} are announced`)
  }
  return entries
}

/** The entries of a checkpoint; none where the file does not exist. Throws CorruptCheckpointError. */
export async function readCheckpoint(files: Files, path: string): Promise<string[]> {
  let bytes: Uint8Array
  try {
    bytes = await files.read(path)
  } catch (error) {
    if ((error as { errno?: number }).errno === ENOENT) return []
    throw error
  }
  return decodeCheckpoint(path, bytes)
}

const ENOENT = 2

export interface PartitionOffset {
  topic: string
  partition: number
  offset: number
}

/** Offsets by partition, as in `recovery-point-offset-checkpoint`. */
export async function readPartitionOffsets(files: Files, path: string): Promise<PartitionOffset[]> {
  return (await readCheckpoint(files, path)).map((line) => {
    const match = /^(\S+) (\d+) (\d+)$/.exec(line)
    if (!match) throw new CorruptCheckpointError(path, `the line "${line}"`)
    return { topic: match[1]!, partition: Number(match[2]), offset: Number(match[3]) }
  })
}

export function writePartitionOffsets(
  files: Files,
  path: string,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  const lines = offsets.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`)
  return files.writeAtomically(path, encodeCheckpoint(lines))
}
