/** A directory of many logs, made by copying the files of one. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LogDirectory } from '../../lib/embedded/index.js'

const TEMPLATE = 'template'
const SEGMENTS = 4
const RECORDS = 550
const RECORD_BYTES = 100

export const segmentBytes = 16 << 10

export function nameOf(i: number): string {
  return `log-${String(i).padStart(6, '0')}`
}

/** `count` logs of a few segments each, as after a clean stop. Resolves with the end of each. */
export async function makeLogs(path: string, count: number): Promise<number> {
  rmSync(path, { recursive: true, force: true })
  const directory = await LogDirectory.open(path, { segmentBytes, durability: 'os' })
  const log = directory.log(TEMPLATE)
  const value = Buffer.alloc(RECORD_BYTES, 'v')
  for (let i = 0; i < RECORDS; i += 10) await log.append(new Array(10).fill({ value }))
  const end = log.endOffset
  await directory.close()
  const template = join(path, TEMPLATE)
  const files = readdirSync(template).map((name) => ({ name, bytes: readFileSync(join(template, name)) }))
  if (files.length < SEGMENTS * 3) throw new Error(`the log has ${files.length} files: too few segments`)
  for (let i = 0; i < count; i++) {
    mkdirSync(join(path, nameOf(i)))
    for (const { name, bytes } of files) writeFileSync(join(path, nameOf(i), name), bytes)
  }
  const checkpoint = join(path, '.logs-checkpoint')
  const line = readFileSync(checkpoint, 'utf8').split('\n')[2]!.replace(TEMPLATE, '')
  rmSync(template, { recursive: true })
  const lines = Array.from({ length: count }, (_, i) => nameOf(i) + line)
  writeFileSync(checkpoint, ['0', String(count), ...lines, ''].join('\n'))
  return end
}
