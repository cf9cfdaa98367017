/**
 * The file layer on engine threads.
 */
import { binding } from './binding.js'
import { run } from './completions.js'
import type { FileLock, Files } from './types.js'

const nothing = (): undefined => undefined

/** Locks that are held: one that nobody refers to any more must not be given up by the garbage collector. */
const held = new Set<object>()

/** The last write to each path that is under way: writes of one path go one after the other. */
const writes = new Map<string, Promise<void>>()

async function writeAfter(
  previous: Promise<void> | undefined,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  // The failure of the one before is for its own caller.
  if (previous) await previous.catch(nothing)
  await run((id) => binding.files.writeAtomically(id, path, bytes), nothing)
}

export const files: Files = {
  async writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
    const write = writeAfter(writes.get(path), path, bytes)
    writes.set(path, write)
    try {
      await write
    } finally {
      if (writes.get(path) === write) writes.delete(path)
    }
  },
  read: (path) =>
    run(
      (id) => binding.files.read(id, path),
      (_at, payload) => payload as Uint8Array,
    ),
  makeFolder: (path) => run((id) => binding.files.makeFolder(id, path), nothing),
  remove: (path) => run((id) => binding.files.remove(id, path), nothing),
  removeFolder: (path) => run((id) => binding.files.removeFolder(id, path), nothing),
  rename: (from, to) => run((id) => binding.files.rename(id, from, to), nothing),
  syncFolder: (path) => run((id) => binding.files.syncFolder(id, path), nothing),
  async lock(path: string): Promise<FileLock> {
    const lock = await run(
      (id) => binding.files.lock(id, path),
      (_at, payload) => payload as { release(): void },
    )
    held.add(lock)
    return {
      async release(): Promise<void> {
        held.delete(lock)
        lock.release()
      },
    }
  },
}
