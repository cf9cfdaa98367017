/** No setting may do nothing: one that is declared as used is read somewhere outside of the declarations. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { brokerSettings, topicSettings } from '../../lib/config/settings/index.js'

const declarations = /^config\/(settings|describe|topic-config|server-properties)/
const sources = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !declarations.test(path))
  .map((path) => readFileSync(join('lib', path), 'utf8'))
  .join('\n')

test('every broker setting that is used is read by its name, or is the default of a topic’s', (t) => {
  const defaults = new Set([...topicSettings.values()].flatMap(({ broker }) => broker.map(([name]) => name)))
  const unread = [...brokerSettings]
    .filter(
      ([name, { standing }]) => standing === 'used' && !defaults.has(name) && !sources.includes(`'${name}'`),
    )
    .map(([name]) => name)
  t.deepEqual(unread, [])
})

test('every topic setting that is used is read by its field', (t) => {
  // These two are read through fields that are made of them.
  const derived = new Set(['cleanup.policy', 'internal.segment.bytes'])
  const unread = [...topicSettings]
    .filter(([name, { setting }]) => setting.standing === 'used' && !derived.has(name))
    .map(([name]) => name.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase()))
    .filter((field) => !new RegExp(`\\b${field}\\b`).test(sources))
  t.deepEqual(unread, [])
})
