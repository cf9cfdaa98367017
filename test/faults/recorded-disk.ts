/**
 * The disk of one broker over all its lives: follows what each process wrote down, and gives what might be left when
 * the power goes.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJournal } from '../support/file-journal.js'
import { Disk } from '../support/power-cut.js'
import type { Random } from '../support/random.js'

export class RecordedDisk {
  readonly #folder: string
  #life = 0
  #disk = new Disk()

  /** `folder` holds the data folders, one after each power cut, and the journals. */
  constructor(folder: string) {
    this.#folder = folder
  }

  get dataDir(): string {
    return join(this.#folder, `data-${this.#life}`)
  }

  /** Of the process that is to start next. */
  get journal(): string {
    return join(this.#folder, 'journal')
  }

  async prepare(): Promise<void> {
    await mkdir(this.dataDir, { recursive: true })
  }

  /** Its process has ended, in whatever way. */
  async processEnded(): Promise<void> {
    if (!existsSync(this.journal)) return
    for (const entry of readJournal(await readFile(this.journal), { isCut: true })) this.#disk.apply(entry)
    await rm(this.journal)
    await this.#disk.processEnded(this.dataDir)
  }

  /** REQUIRES: the process has ended. */
  async cutPower(random: Random): Promise<void> {
    const before = this.dataDir
    this.#life++
    await this.#disk.survive(random, this.dataDir)
    await rm(before, { recursive: true })
    this.#disk = await Disk.of(this.dataDir)
  }
}
