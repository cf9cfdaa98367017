/** Writes docs/settings.md from the declarations. */

import type { AnySetting } from './setting.js'
import { brokerSettings, topicSettings } from './settings/index.js'

const introduction = `# Settings
Names, types, defaults and ranges are Kafka's, but for \`write.caching\`, \`log.write.caching\`, \`decommissioned.brokers\`, \`leader.imbalance.per.broker.percentage\` (of Kafka before 4) and the defaults marked with *. This page is generated from the declarations in lib/config/settings by \`node scripts/settings.js\`.

Settings are given in a properties file (\`odradek serve server.properties\`), in the environment (\`ODRADEK_LOG_SEGMENT_BYTES\` for \`log.segment.bytes\`), by \`--override name=value\`, and by \`--port\` and \`--data\`; the later wins. **Change** says when a change takes effect: \`restart\`, or at once for the whole cluster or for one broker by \`odradek configs\` or Kafka's own tools. A setting of a topic takes effect at once; where a topic does not have it, its broker setting counts.
`

/** Defaults that differ from Kafka's: this broker runs alone, and bounds its memory. */
const ownDefaults: ReadonlySet<string> = new Set([
  'listeners',
  'log.dir',
  'node.id',
  'controller.listener.names',
  'queued.max.request.bytes',
  'group.initial.rebalance.delay.ms',
])

const changes = { 'read-only': 'restart', 'per-broker': 'one broker', 'cluster-wide': 'cluster' } as const

export function settingsDocument(): string {
  const broker = [...brokerSettings].filter(([, { internal }]) => !internal)
  const topic = [...topicSettings].filter(([, { setting }]) => !setting.internal)
  const ofStanding = (standing: string) => broker.filter(([, setting]) => setting.standing === standing)
  const topicOfStanding = (standing: string) =>
    topic.filter(([, { setting }]) => setting.standing === standing)
  return [
    introduction,
    '## Of the broker',
    '| name | type | default | valid | change | |',
    '| --- | --- | --- | --- | --- | --- |',
    ...sorted(ofStanding('used')).map(
      ([name, setting]) =>
        `| \`${name}\` | ${setting.type} | ${shownDefault(name, setting)} | ${cell(setting.range)} | ${changes[setting.change]} | ${cell(setting.doc)} |`,
    ),
    '',
    '## Of a topic',
    '| name | type | default | valid | broker setting | |',
    '| --- | --- | --- | --- | --- | --- |',
    ...sorted(topicOfStanding('used')).map(
      ([name, { setting, broker }]) =>
        `| \`${name}\` | ${setting.type} | ${code(setting.defaultText)} | ${cell(setting.range)} | ${broker.map(([synonym]) => `\`${synonym}\``).join(', ')} | ${cell(setting.doc)} |`,
    ),
    '',
    '## Refused',
    'Ignoring these would weaken security or durability. Any value but the default stops the start, or fails the request.',
    '',
    ...reasons([
      ...ofStanding('refused'),
      ...topicOfStanding('refused').map(([name, { setting }]) => [`${name} (topic)`, setting] as const),
    ]),
    '',
    '## Without meaning here',
    'These are taken, and listed in one warning at the start.',
    '',
    ...reasons([
      ...ofStanding('ignored'),
      ...topicOfStanding('ignored').map(([name, { setting }]) => [`${name} (topic)`, setting] as const),
    ]),
    '',
  ].join('\n')
}

/** One line for each reason, with all that it holds for. */
function reasons(settings: readonly (readonly [string, AnySetting])[]): string[] {
  const byReason = new Map<string, string[]>()
  for (const [name, { doc }] of settings) {
    const names = byReason.get(doc) ?? []
    names.push(`\`${name}\``)
    byReason.set(doc, names)
  }
  return sorted([...byReason]).map(([reason, names]) => `- ${reason} ${names.sort().join(', ')}`)
}

function sorted<T extends readonly [string, ...unknown[]]>(entries: readonly T[]): T[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
}

function shownDefault(name: string, { defaultText }: AnySetting): string {
  return code(defaultText) + (ownDefaults.has(name) ? ' *' : '')
}

function code(text: string | null): string {
  return text === null || text === '' ? '' : `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
