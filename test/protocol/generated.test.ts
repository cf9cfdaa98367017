import { readFileSync } from 'node:fs'
import test from 'ava'

const root = new URL('../../../', import.meta.url)

test('what is checked in equals a fresh generation from the tables', async (t) => {
  const generator = await import(new URL('scripts/generate-protocol.js', root).href)
  const files: Record<string, string> = generator.generateAll()
  t.deepEqual(Object.keys(files).sort(), ['api-table.ts', 'messages.ts', 'tables.ts'])
  for (const [name, text] of Object.entries(files)) {
    const checkedIn = readFileSync(new URL(`lib/protocol/generated/${name}`, root), 'utf8')
    t.true(text === checkedIn, `${name} is stale: run node scripts/generate-protocol.js`)
  }
})
