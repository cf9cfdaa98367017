import { readFileSync } from 'node:fs'
import test from 'ava'
import type { AnySetting } from '../../lib/config/setting.js'
import { brokerSettings, topicSettings } from '../../lib/config/settings/index.js'

type Fact = [name: string, type: string, defaultValue: unknown, range: string]

/** What Kafka 4.3.1 declares: name, type, default, valid range. */
const facts = JSON.parse(readFileSync('test/config/kafka-settings.json', 'utf8')) as Record<
  'broker' | 'topic',
  Fact[]
>

/** Where this broker differs, and why stands in its documentation. */
const ownDefaults = new Set([
  'listeners',
  'log.dir',
  'node.id',
  'controller.listener.names',
  'queued.max.request.bytes',
  'group.initial.rebalance.delay.ms',
  'process.roles',
])
/** `leader.imbalance.per.broker.percentage` is of Kafka before 4; the throttles are Kafka's, but of none of its lists. */
const ownSettings = {
  broker: [
    'metrics.listener',
    'log.write.caching',
    'follower.replication.throttled.rate',
    'decommissioned.brokers',
    'leader.imbalance.per.broker.percentage',
    'leader.replication.throttled.rate',
  ],
  topic: ['write.caching'],
}
/** The metadata store that brokers share is this project's own, and so are all its settings. */
const isOfEtcd = (name: string) => name.startsWith('etcd.')

const topics = new Map([...topicSettings].map(([name, { setting }]) => [name, setting]))
const declared: Record<'broker' | 'topic', ReadonlyMap<string, AnySetting>> = {
  broker: brokerSettings,
  topic: topics,
}

/** As Kafka prints it. */
function text(type: string, value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.join(',')
  if (type === 'class') return String(value).replace(/^class /, '')
  if (type === 'double' && String(value).startsWith('1.79')) return '1.7976931348623157E308'
  return String(value)
}

for (const kind of ['broker', 'topic'] as const) {
  test(`every ${kind} setting of Kafka is declared, with its type and default`, (t) => {
    for (const [name, type, value] of facts[kind]) {
      const setting = declared[kind].get(name)
      t.is(setting?.type, type as AnySetting['type'], name)
      if (!ownDefaults.has(name)) t.is(setting?.defaultText ?? null, text(type, value), name)
    }
  })

  test(`no other ${kind} setting is declared`, (t) => {
    const known = new Set(facts[kind].map(([name]) => name))
    const others = [...declared[kind]].filter(([name, { internal }]) => !internal && !known.has(name))
    t.deepEqual(
      others.map(([name]) => name).filter((name) => !isOfEtcd(name)),
      ownSettings[kind],
    )
  })

  test(`the ${kind} settings that are used have Kafka’s bounds, or narrower ones`, (t) => {
    for (const [name, , , range] of facts[kind]) {
      const setting = declared[kind].get(name)!
      const [, low] = /^\[(-?\d+),/.exec(range) ?? []
      if (setting.standing !== 'used' || low === undefined) continue
      t.not(setting.check(Number(low) - 9), undefined, `${name} below ${low}`)
    }
  })
}
