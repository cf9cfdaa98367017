// A plain file: what an append costs without anything around it. Bytes are put together beforehand; no header, no
// checksum, no offsets.
import { close, fdatasync, open as openFile, read, write } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { OpenOptions, Scanned, Store } from '../store.js'

const closed = promisify(close)
const opened = promisify(openFile) as (path: string, flags: string) => Promise<number>

const READ_BYTES = 1 << 20

/** The bytes of an array of records, put together when it comes for the first time. */
export class Encoded {
  readonly #known = new WeakMap<readonly Buffer[], Buffer>()

  of(records: readonly Buffer[]): Buffer {
    let bytes = this.#known.get(records)
    if (bytes === undefined) this.#known.set(records, (bytes = Buffer.concat(records)))
    return bytes
  }
}

export async function scanFile(descriptor: number, recordBytes: number): Promise<Scanned> {
  const piece = Buffer.allocUnsafeSlow(READ_BYTES)
  let bytes = 0
  for (;;) {
    const got = await new Promise<number>((resolve, reject) =>
      read(descriptor, piece, 0, READ_BYTES, bytes, (error, count) =>
        error ? reject(error) : resolve(count),
      ),
    )
    if (got === 0) return { bytes, records: bytes / recordBytes }
    bytes += got
  }
}

class FsStore implements Store {
  readonly #descriptor: number
  readonly #durable: boolean
  readonly #encoded = new Encoded()
  #position = 0
  #recordBytes = 1
  /** One write and its fdatasync after the other: what does without group commit. */
  #last: Promise<void> = Promise.resolve()

  constructor(descriptor: number, durable: boolean) {
    this.#descriptor = descriptor
    this.#durable = durable
  }

  append(records: readonly Buffer[]): Promise<void> {
    this.#recordBytes = records[0]!.length
    if (!this.#durable) return this.#write(this.#encoded.of(records))
    this.#last = this.#last.then(() => this.#writeAndSync(this.#encoded.of(records)))
    return this.#last
  }

  #write(bytes: Buffer): Promise<void> {
    const position = this.#position
    this.#position += bytes.length
    return new Promise((resolve, reject) => {
      write(this.#descriptor, bytes, 0, bytes.length, position, (error) =>
        error ? reject(error) : resolve(),
      )
    })
  }

  #writeAndSync(bytes: Buffer): Promise<void> {
    const position = this.#position
    this.#position += bytes.length
    return new Promise((resolve, reject) => {
      write(this.#descriptor, bytes, 0, bytes.length, position, (error) => {
        if (error) reject(error)
        else fdatasync(this.#descriptor, (failed) => (failed ? reject(failed) : resolve()))
      })
    })
  }

  scanRecords(): Promise<Scanned> {
    return this.scanBatches()
  }

  scanBatches(): Promise<Scanned> {
    return scanFile(this.#descriptor, this.#recordBytes)
  }

  close(): Promise<void> {
    return closed(this.#descriptor)
  }
}

export const settings = 'fs.write, then fs.fdatasync where durable, one append after the other; reads of 1 MB'

export async function open({ folder, durable }: OpenOptions): Promise<Store> {
  return new FsStore(await opened(join(folder, 'file'), 'w+'), durable)
}
