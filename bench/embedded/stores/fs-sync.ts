// A plain file by blocking calls: nothing else of the program runs meanwhile.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { OpenOptions, Scanned, Store } from '../store.js'
import { Encoded, scanFile } from './fs.js'

class FsSyncStore implements Store {
  readonly #descriptor: number
  readonly #durable: boolean
  readonly #encoded = new Encoded()
  #position = 0
  #recordBytes = 1

  constructor(descriptor: number, durable: boolean) {
    this.#descriptor = descriptor
    this.#durable = durable
  }

  append(records: readonly Buffer[]): undefined {
    this.#recordBytes = records[0]!.length
    const bytes = this.#encoded.of(records)
    writeSync(this.#descriptor, bytes, 0, bytes.length, this.#position)
    this.#position += bytes.length
    if (this.#durable) fdatasyncSync(this.#descriptor)
  }

  scanRecords(): Promise<Scanned> {
    return this.scanBatches()
  }

  scanBatches(): Promise<Scanned> {
    return scanFile(this.#descriptor, this.#recordBytes)
  }

  async close(): Promise<void> {
    closeSync(this.#descriptor)
  }
}

export const settings = 'fs.writeSync and fs.fdatasyncSync: blocks the event loop'

export async function open({ folder, durable }: OpenOptions): Promise<Store> {
  return new FsSyncStore(openSync(join(folder, 'file'), 'w+'), durable)
}
