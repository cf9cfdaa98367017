import { readFileSync } from 'node:fs'
import test from 'ava'
import { brokerSettings, topicSettings } from '../../lib/config/settings/index.js'
import { settingsDocument } from '../../lib/config/settings-document.js'

test('docs/settings.md is what the declarations say (node scripts/settings.js writes it)', (t) => {
  t.is(readFileSync('docs/settings.md', 'utf8'), settingsDocument())
})

test('every setting has a line that says what it does, or why it does nothing', (t) => {
  for (const [name, { doc }] of brokerSettings) t.not(doc, '', name)
  for (const [name, { setting }] of topicSettings) t.not(setting.doc, '', name)
})
