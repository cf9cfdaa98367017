/** Java's properties syntax: comments, continued lines, escapes, and `=`, `:` or blanks between name and value. */

import { ConfigError } from './errors.js'

/** In order; a name that stands twice has its last value. `source` names the text in errors. */
export function parseProperties(text: string, source = 'properties'): Map<string, string> {
  const properties = new Map<string, string>()
  const lines = text.split(/\r\n|\n|\r/)
  for (let index = 0; index < lines.length; index++) {
    let line = lines[index]!.replace(/^[ \t\f]+/, '')
    if (line === '' || line.startsWith('#') || line.startsWith('!')) continue
    const start = index + 1
    while (endsInBackslash(line)) {
      line = line.slice(0, -1)
      if (index + 1 >= lines.length) break
      index++
      line += lines[index]!.replace(/^[ \t\f]+/, '')
    }
    const [name, value] = split(line)
    properties.set(unescapeText(name, source, start), unescapeText(value, source, start))
  }
  return properties
}

/** One property as a line that `parseProperties` (and Java) reads back. */
export function formatProperty(name: string, value: string): string {
  return `${escapeText(name).replaceAll(' ', '\\ ')}=${escapeText(value).replace(/^ /, '\\ ')}`
}

function escapeText(text: string): string {
  return text
    .replace(/[\\=:#!]/g, '\\$&')
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function endsInBackslash(line: string): boolean {
  return (/\\*$/.exec(line)![0].length & 1) === 1
}

function split(line: string): [name: string, value: string] {
  let end = 0
  while (end < line.length && !/[=: \t\f]/.test(line[end]!)) end += line[end] === '\\' ? 2 : 1
  return [line.slice(0, end), line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '')]
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescapeText(text: string, source: string, line: number): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]?)/g, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
    if (escaped === 'u') throw new ConfigError('SYNTAX', `${source}, line ${line}: \\u needs four hex digits`)
    return escapes[escaped] ?? escaped
  })
}
