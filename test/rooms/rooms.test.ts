import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { rooms } from './rooms.js'

const lib = fileURLToPath(new URL('../../../lib/', import.meta.url))

/** Every source file below lib/, by its path in there, with the files that it imports. */
const importsOf = new Map(
  readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path, importedFiles(path)] as const),
)

function importedFiles(path: string): string[] {
  const text = readFileSync(join(lib, path), 'utf8')
  const specifiers = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)\.js'/g)]
  return specifiers.map(([, specifier]) => normalize(join(dirname(path), `${specifier}.ts`)))
}

const roomOf = (path: string) => path.split('/')[0]!

test('every room is on the list', (t) => {
  const listed = rooms.map(([room]) => room)
  t.deepEqual([...new Set([...importsOf.keys()].map(roomOf))].sort(), [...listed].sort())
})

test('a room on the list may import only rooms above it', (t) => {
  const seen = new Set<string>()
  for (const [room, allowed] of rooms) {
    for (const name of allowed) t.true(seen.has(roomOf(name)), `${room} may import ${name}`)
    seen.add(room)
  }
})

test('a file imports only what its room may', (t) => {
  const allowed = new Map(rooms)
  const breaches = [...importsOf].flatMap(([path, imports]) => {
    const room = roomOf(path)
    const names = new Set(allowed.get(room))
    return imports
      .filter((target) => roomOf(target) !== room && !names.has(roomOf(target)) && !names.has(target))
      .map((target) => `${path} imports ${target}`)
  })
  t.deepEqual(breaches, [])
})

test('timers come from lib/time, which keeps delays of any length', (t) => {
  const breaches = [...importsOf].flatMap(([path, imports]) => {
    if (roomOf(path) === 'time') return []
    const text = readFileSync(join(lib, path), 'utf8')
    const own =
      /(?<![\w.#'])(?:set|clear)(?:Timeout|Interval)\(/.test(text) && !imports.includes('time/index.ts')
    const nodes =
      /\bsetTimeout\b[^}]*\} from 'node:timers/.test(text) || /globalThis\.set(?:Timeout|Interval)/.test(text)
    return own || nodes ? [path] : []
  })
  t.deepEqual(breaches, [])
})
