/** Writes random values of every record message in every version, for RecordMessages.java to encode. */
import { readMessages } from '../../../scripts/generate-protocol.js'

let state = 20260101
function random(below) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
  return (state >> 8) % below
}

const texts = ['', 'x', 'topic-7', 'βeta', '日本', 'n'.repeat(130)]
const numbers = {
  boolean: () => random(2) === 1,
  int8: () => random(256) - 128,
  int16: () => random(65536) - 32768,
  uint16: () => random(65536),
  int32: () => (random(1 << 16) << 16) | random(1 << 16),
  int64: () => (random(1 << 22) - (1 << 21)) * 4294967296 + random(1 << 16) * 65536 + random(1 << 16),
  float64: () => random(1000) / 8,
  string: () => texts[random(texts.length)],
  bytes: () => randomBytes(random(200)).toString('base64'),
  uuid: () => randomBytes(16).toString('base64url'),
}

function randomBytes(size) {
  return Buffer.from(Array.from({ length: size }, () => random(256)))
}

function isIn(text, version) {
  const [first, last = text.endsWith('+') ? Number.POSITIVE_INFINITY : first] = text.replace('+', '').split('-')
  return version >= Number(first) && version <= Number(last)
}

function struct(fields, version) {
  const value = {}
  for (const field of fields) {
    if (!isIn(field.versions, version) || (field.tag !== undefined && random(3) === 0)) continue
    if (field.nullable && isIn(field.nullable, version) && random(4) === 0) value[field.name] = null
    else if (field.type.startsWith('[]')) {
      value[field.name] = Array.from({ length: random(4) }, () => single(field, field.type.slice(2), version))
    } else value[field.name] = single(field, field.type, version)
  }
  return value
}

function single(field, type, version) {
  return type === 'struct' ? struct(field.fields, version) : numbers[type]()
}

for (const message of readMessages()) {
  const inClients = ['LeaderChangeMessage', 'DefaultPrincipalData', 'SnapshotHeaderRecord', 'SnapshotFooterRecord']
  if (message.type !== 'record' && !inClients.includes(message.name)) continue
  const [first, last = first] = message.validVersions.split('-').map(Number)
  for (let version = first; version <= last; version++) {
    for (let i = 0; i < 3; i++) {
      const name = `${message.package ?? 'org.apache.kafka.common.message'}.${message.name}`
      const json = struct(message.fields, version)
      console.log(JSON.stringify({ class: name, name: message.name, version, json }))
    }
  }
}
