/**
 * A disk that follows a journal entry by entry, and can tell at any of them what it might hold if the power went
 * there: all that a completed sync covers, and of the rest whatever a file system and a drive may have got to.
 *
 * What is not synced may be kept, lost or torn at borders of sectors or pages, whatever its order; a file may have
 * its new size and zeros for data. Names that change in one folder survive in their order, each folder for itself:
 * syncing a file does not keep its name.
 */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Change, DiskFile } from './disk-file.js'
import type { JournalEntry } from './file-journal.js'
import type { Random } from './random.js'

/** One change of a folder: names that go and names that come, at once. */
interface NameChange {
  readonly gone: string | undefined
  readonly come: { readonly name: string; readonly node: DiskFile | DiskFolder } | undefined
}

class DiskFolder {
  /** By name as the process sees it. */
  readonly current: Map<string, DiskFile | DiskFolder>
  readonly #durable: Map<string, DiskFile | DiskFolder>
  #unsynced: NameChange[] = []

  constructor(durable: ReadonlyMap<string, DiskFile | DiskFolder> = new Map()) {
    this.#durable = new Map(durable)
    this.current = new Map(durable)
  }

  change(change: NameChange): void {
    alter(this.current, change)
    this.#unsynced.push(change)
  }

  /** What a sync that begins now makes durable when it succeeds. */
  beginSync(): () => void {
    const covered = new Set(this.#unsynced)
    return () => {
      for (const change of this.#unsynced) if (covered.has(change)) alter(this.#durable, change)
      this.#unsynced = this.#unsynced.filter((change) => !covered.has(change))
    }
  }

  survivors(random: Random): Map<string, DiskFile | DiskFolder> {
    const names = new Map(this.#durable)
    const all = this.#unsynced.length
    const kept = random.pick([0, all, random.below(all + 1)])
    for (const change of this.#unsynced.slice(0, kept)) alter(names, change)
    return names
  }
}

export class Disk {
  readonly #root: DiskFolder
  /** By the number that `open` gave. */
  readonly #open = new Map<number, DiskFile>()
  /** What is under way, by sequence number: to be called when it has returned. */
  readonly #underWay = new Map<number, (succeeded: boolean) => void>()
  /** Writes and truncations among those. */
  readonly #changesUnderWay = new Map<number, Change>()
  #sequence = 0

  constructor(root = new DiskFolder()) {
    this.#root = root
  }

  /** A disk that has what the folder holds, all of it for certain. */
  static async of(folder: string): Promise<Disk> {
    return new Disk(await readFolder(folder))
  }

  /** Takes the next entry of the journal. */
  apply(entry: JournalEntry): void {
    const sequence = this.#sequence++
    switch (entry.kind) {
      case 'open':
        this.#opened(entry)
        break
      case 'write':
        this.#begin(sequence, entry.file, { position: entry.position, bytes: entry.bytes, returned: false })
        break
      case 'truncate':
        this.#begin(sequence, entry.file, { size: entry.size, returned: false })
        break
      case 'sync':
        this.#beginSync(sequence, [this.#open.get(entry.file)!.beginSync()])
        break
      case 'syncFolder': {
        const node = this.#find(entry.path)
        if (node instanceof DiskFolder) this.#beginSync(sequence, [node.beginSync()])
        break
      }
      case 'syncFileSystem':
        this.#beginSync(
          sequence,
          [...this.#nodes(this.#root)].map((node) => node.beginSync()),
        )
        break
      case 'returned':
        this.#underWay.get(entry.sequence)?.(entry.succeeded)
        this.#underWay.delete(entry.sequence)
        this.#changesUnderWay.delete(entry.sequence)
        break
      case 'makeFolder':
        // The data folder itself is there from the start.
        if (entry.path !== '') this.#come(entry.path, new DiskFolder())
        break
      case 'unlink':
      case 'removeFolder':
        this.#folderOf(entry.path).change({ gone: basename(entry.path), come: undefined })
        break
      case 'rename':
        this.#rename(entry.from, entry.to)
        break
      case 'mark':
        break
    }
  }

  /**
   * The process that wrote the journal is dead, and the system lives: what it wrote stays in the page cache. `folder`
   * shows what its last write came to, and a last change of names that it could not write down any more. The next
   * entries are of a new journal.
   */
  async processEnded(folder: string): Promise<void> {
    for (const change of this.#changesUnderWay.values()) change.returned = true
    this.#changesUnderWay.clear()
    this.#underWay.clear()
    this.#open.clear()
    this.#sequence = 0
    await matchFolder(this.#root, folder)
  }

  /** Writes into the folder `target` what the disk might hold after a power cut right now. */
  async survive(random: Random, target: string): Promise<void> {
    await writeFolder(this.#root, random, target)
  }

  #opened({ file, path, created, emptied }: JournalEntry & { kind: 'open' }): void {
    if (created) this.#come(path, new DiskFile())
    const node = this.#find(path)
    if (!(node instanceof DiskFile)) return
    if (emptied) node.begin({ size: 0, returned: true })
    this.#open.set(file, node)
  }

  #begin(sequence: number, file: number, change: Change): void {
    this.#open.get(file)!.begin(change)
    this.#changesUnderWay.set(sequence, change)
    this.#underWay.set(sequence, (succeeded) => {
      change.returned = succeeded
    })
  }

  #beginSync(sequence: number, finish: (() => void)[]): void {
    this.#underWay.set(sequence, (succeeded) => {
      if (succeeded) for (const each of finish) each()
    })
  }

  #rename(from: string, to: string): void {
    // Two folders would have to change at once; the broker has no need of it.
    if (dirname(from) !== dirname(to)) throw new Error(`${from} leaves its folder for ${to}`)
    const node = this.#find(from)
    if (!node) throw new Error(`${from} is renamed and was never there`)
    this.#folderOf(from).change({ gone: basename(from), come: { name: basename(to), node } })
  }

  #come(path: string, node: DiskFile | DiskFolder): void {
    this.#folderOf(path).change({ gone: undefined, come: { name: basename(path), node } })
  }

  #folderOf(path: string): DiskFolder {
    const folder = this.#find(dirname(path))
    if (!(folder instanceof DiskFolder)) throw new Error(`${path} has no folder`)
    return folder
  }

  #find(path: string): DiskFile | DiskFolder | undefined {
    let node: DiskFile | DiskFolder | undefined = this.#root
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue
      node = node instanceof DiskFolder ? node.current.get(name) : undefined
    }
    return node
  }

  *#nodes(folder: DiskFolder): Generator<DiskFile | DiskFolder> {
    yield folder
    for (const node of folder.current.values()) {
      if (node instanceof DiskFolder) yield* this.#nodes(node)
      else yield node
    }
  }
}

function alter(names: Map<string, DiskFile | DiskFolder>, { gone, come }: NameChange): void {
  if (gone !== undefined) names.delete(gone)
  if (come !== undefined) names.set(come.name, come.node)
}

/** Brings the folder up to what stands at `path`. REQUIRES: at most one change of names is missing. */
async function matchFolder(folder: DiskFolder, path: string): Promise<void> {
  const entries = new Map((await readdir(path, { withFileTypes: true })).map((entry) => [entry.name, entry]))
  const gone = [...folder.current.keys()].find((name) => !entries.has(name))
  const come = [...entries.values()].find(({ name }) => !folder.current.has(name))
  if (gone !== undefined) {
    const node = folder.current.get(gone)!
    // A file that replaces another is written beside it first.
    const replaced = gone.endsWith('.tmp') ? gone.slice(0, -'.tmp'.length) : undefined
    const name = come?.name ?? (replaced !== undefined && entries.has(replaced) ? replaced : undefined)
    folder.change({ gone, come: name === undefined ? undefined : { name, node } })
  } else if (come) {
    const node = come.isDirectory() ? new DiskFolder() : new DiskFile()
    folder.change({ gone, come: { name: come.name, node } })
  }
  for (const [name, node] of folder.current) {
    const at = join(path, name)
    if (node instanceof DiskFolder) {
      await matchFolder(node, at)
      continue
    }
    const { size } = await stat(at)
    if (size < node.size) node.begin({ size, returned: true })
    if (size > node.size) node.truncationLeftOut(size)
  }
}

async function readFolder(path: string): Promise<DiskFolder> {
  const nodes = new Map<string, DiskFile | DiskFolder>()
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const at = join(path, entry.name)
    nodes.set(entry.name, entry.isDirectory() ? await readFolder(at) : new DiskFile(await readFile(at)))
  }
  return new DiskFolder(nodes)
}

async function writeFolder(folder: DiskFolder, random: Random, target: string): Promise<void> {
  await mkdir(target)
  // In the order of their names: the same seed gives the same disk.
  const names = [...folder.survivors(random)].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, node] of names) {
    const path = join(target, name)
    if (node instanceof DiskFolder) await writeFolder(node, random, path)
    else await writeFile(path, node.survivor(random))
  }
}
