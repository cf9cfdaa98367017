// The packages that are measured beside the embedded log: installed on first use, below the user's cache folder, each
// in a pinned version and a folder of its own. They are no dependencies of this package.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ChildProcesses } from '../processes.js'
import type { PeerName } from './store.js'

const VERSIONS: Partial<Record<PeerName, string>> = {
  lmdb: '3.5.6',
  'classic-level': '3.0.0',
  'better-sqlite3': '12.11.1',
}

const folderOf = (name: PeerName) => join(homedir(), '.cache', 'odradek', `${name}-${VERSIONS[name]}`)

export function versionOf(name: PeerName): string | undefined {
  return VERSIONS[name]
}

/**
 * Installs a peer where it is not there yet. Rejects, with the last lines that npm printed, where that is not
 * possible: better-sqlite3 compiles where its ready-made binary cannot be fetched, which takes minutes and a compiler.
 */
export async function ensurePeer(name: PeerName, progress: (text: string) => void): Promise<void> {
  const version = VERSIONS[name]
  if (version === undefined || existsSync(folderOf(name))) return
  progress(`installing ${name} ${version} from npm into ${folderOf(name)}; this may compile for minutes`)
  mkdirSync(dirname(folderOf(name)), { recursive: true })
  const work = mkdtempSync(join(dirname(folderOf(name)), '.install-'))
  try {
    // Newer npm asks which packages may run their install scripts.
    const manifest = { private: true, allowScripts: { [name]: true } }
    writeFileSync(join(work, 'package.json'), JSON.stringify(manifest))
    await npm(work, ['install', '--no-audit', '--no-fund', '--no-save', `${name}@${version}`])
    await load(work, name)
    // A broken installation leaves nothing behind.
    renameSync(work, folderOf(name))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** An installed peer's module. */
export function loadPeer(name: PeerName): Promise<unknown> {
  return load(folderOf(name), name)
}

async function load(folder: string, name: string): Promise<unknown> {
  const path = createRequire(join(folder, 'package.json')).resolve(name)
  return await import(pathToFileURL(path).href)
}

async function npm(folder: string, args: readonly string[]): Promise<void> {
  const child = ChildProcesses.add(spawn('npm', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }))
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-2000)
    })
  }
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${output.trimEnd()}`)
}
