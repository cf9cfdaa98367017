/** What a figure was measured on, as far as the system tells. */

import { readFile, realpath } from 'node:fs/promises'
import { arch, cpus, release, totalmem, type } from 'node:os'
import { basename } from 'node:path'
import type { Machine } from './report.js'

interface Mount {
  readonly point: string
  readonly fileSystem: string
  readonly source: string
  readonly options: string
  /** major:minor */
  readonly device: string
}

/** The lines of /proc/self/mountinfo: see proc(5). */
function parseMounts(text: string): Mount[] {
  const unescaped = (word: string) =>
    word.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const words = line.split(' ')
      const dash = words.indexOf('-')
      return {
        device: words[2]!,
        point: unescaped(words[4]!),
        options: [words[5], words[dash + 3]].join(','),
        fileSystem: words[dash + 1]!,
        source: unescaped(words[dash + 2]!),
      }
    })
}

async function mountOf(folder: string): Promise<Mount | undefined> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const path = await realpath(folder)
  const holds = ({ point }: Mount) => point === '/' || path === point || path.startsWith(`${point}/`)
  // Of several on the same folder the last hides the others.
  return parseMounts(text)
    .filter(holds)
    .reduce<Mount | undefined>((best, mount) => {
      return best === undefined || mount.point.length >= best.point.length ? mount : best
    }, undefined)
}

const firstLine = async (path: string) =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n')[0]!.trim()

/** Name, model and kind of the block device; a partition is described by its disk. */
async function deviceText({ device, source }: Mount): Promise<string> {
  const entry = await realpath(`/sys/dev/block/${device}`).catch(() => undefined)
  if (entry === undefined) return source
  const disk = (await firstLine(`${entry}/partition`)) === '' ? entry : `${entry}/..`
  const name = `/dev/${basename(entry)}`
  const model = await firstLine(`${disk}/device/model`)
  const scheduler = /\[(.+)\]/.exec(await firstLine(`${disk}/queue/scheduler`))?.[1]
  const cache = await firstLine(`${disk}/queue/write_cache`)
  const sectors = Number(await firstLine(`${disk}/size`))
  const facts = [
    model,
    sectors > 0 ? `${Math.round((sectors * 512) / 1e9)} GB` : '',
    scheduler ? `scheduler ${scheduler}` : '',
    cache,
  ].filter((fact) => fact !== '')
  return facts.length > 0 ? `${name} (${facts.join(', ')})` : name
}

export async function describeMachine(folder: string): Promise<Machine> {
  const mount = await mountOf(folder)
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    arch: arch(),
    fileSystem: mount?.fileSystem ?? 'unknown',
    mountOptions: [...new Set(mount?.options.split(','))].join(','),
    device: mount ? await deviceText(mount) : 'unknown',
    node: process.version,
  }
}
