import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const room = fileURLToPath(new URL('../../../lib/coordinator/', import.meta.url))

function importedFiles(path: string): string[] {
  const text = readFileSync(join(room, path), 'utf8')
  const specifiers = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)\.js'/g)]
  return specifiers.map(([, specifier]) => normalize(join(dirname(path), `${specifier}.ts`)))
}

test('no two files of the coordinators import each other, by way of types or of others included', (t) => {
  const files = readdirSync(room, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  )
  const left = new Map(
    files.map((path) => [path, importedFiles(path).filter((each) => files.includes(each))]),
  )
  // Files that import none of those left cannot be part of a circle; what remains in the end is one.
  for (let removed = true; removed; ) {
    removed = false
    for (const [path, imports] of left) {
      if (imports.some((each) => left.has(each))) continue
      left.delete(path)
      removed = true
    }
  }
  t.deepEqual([...left.keys()], [])
})
