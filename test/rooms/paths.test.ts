/** What the documents say of the tree: each path in them is there, and the map of rooms is the list's. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import test from 'ava'
import { rooms } from './rooms.js'

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

/** Paths of the tree, as `lib/log` or `native/node/*.cc`; a part in capitals stands for any name, and ends the path. */
function pathsIn(text: string): string[] {
  const found = text.matchAll(/(?<![\w./-])(?:lib|native|test|docs|bench|scripts)\/[\w./*-]*/g)
  return [...found].map(([path]) => path.replace(/\/[A-Z]+(?:[./].*)?$/, '').replace(/[./-]+$/, ''))
}

/** Targets of links to files, from the top of the tree. */
function linksIn(document: string, text: string): string[] {
  const targets = [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)]
  return targets.map(([, target]) => normalize(join(dirname(document), target!)))
}

function exists(path: string): boolean {
  if (!path.includes('*')) return existsSync(path)
  const [folder, name] = [dirname(path), path.slice(path.lastIndexOf('/') + 1)]
  const pattern = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
  return existsSync(folder) && readdirSync(folder).some((entry) => pattern.test(entry))
}

for (const document of documents) {
  test(`every path that ${document} names is there`, (t) => {
    const text = readFileSync(document, 'utf8')
    const missing = [...pathsIn(text), ...linksIn(document, text)].filter((path) => !exists(path))
    t.deepEqual([...new Set(missing)], [])
  })
}

test('docs/architecture.md has a row for each room, in their order', (t) => {
  const text = readFileSync('docs/architecture.md', 'utf8')
  const rows = [...text.matchAll(/^\| `lib\/([\w.-]+)` \|/gm)].map(([, room]) => room)
  t.deepEqual(
    rows,
    rooms.map(([room]) => room),
  )
})

test('docs/architecture.md says of each room what it may import', (t) => {
  const text = readFileSync('docs/architecture.md', 'utf8')
  for (const [room, imports] of rooms) {
    const row = text.match(new RegExp(`^\\| \`lib/${room.replace('.', '\\.')}\` \\|.*\\| (.*) \\|$`, 'm'))
    const told = row?.[1] ?? ''
    // Faces of rooms, and "all of the above", are told in words.
    if (imports.some((name) => name.includes('/')) || told.startsWith('all of the above')) continue
    t.is(told, imports.length === 0 ? 'nothing' : imports.join(', '), room)
  }
})
