import test from 'ava'
import { formatProperty, parseProperties } from '../../lib/config/index.js'

const parsed = (text: string) => Object.fromEntries(parseProperties(text))

test('name and value are separated by =, : or blanks', (t) => {
  t.deepEqual(parsed('a=1\nb:2\nc 3\nd = 4\ne : 5\nf\t6\ng'), {
    a: '1',
    b: '2',
    c: '3',
    d: '4',
    e: '5',
    f: '6',
    g: '',
  })
})

test('only the first separator counts, and blanks at the end stay', (t) => {
  t.deepEqual(parsed('a=b=c:d \nurl: http://x:1/'), { a: 'b=c:d ', url: 'http://x:1/' })
})

test('comments and empty lines are left out, after blanks too', (t) => {
  t.deepEqual(parsed('# one\n! two\n\n   # three\n \t\na=1 # not a comment'), { a: '1 # not a comment' })
})

test('a line that ends in a backslash goes on, without the blanks that follow', (t) => {
  t.deepEqual(parsed('list=a,\\\n     b,\\\n\tc\nnext=1'), { list: 'a,b,c', next: '1' })
})

test('two backslashes at the end are one, and the line ends', (t) => {
  t.deepEqual(parsed('a=x\\\\\nb=2'), { a: 'x\\', b: '2' })
})

test('a comment is not continued', (t) => {
  t.deepEqual(parsed('# comment \\\na=1'), { a: '1' })
})

test('escapes stand for their characters', (t) => {
  t.deepEqual(parsed('a\\ b\\=c=\\u00e9\\t\\n\\q'), { 'a b=c': 'é\t\nq' })
})

test('line ends of Windows are line ends', (t) => {
  t.deepEqual(parsed('a=1\r\nb=2\r\n'), { a: '1', b: '2' })
})

test('the last value of a name counts', (t) => {
  t.deepEqual(parsed('a=1\na=2'), { a: '2' })
})

test('a broken unicode escape is named with its line', (t) => {
  t.throws(() => parseProperties('a=1\nb=\\u12', 'server.properties'), {
    message: /server\.properties, line 2/,
  })
})

test('what is written is read back', (t) => {
  for (const [name, value] of [
    ['a.b', 'x'],
    ['with blank', ' leading and = : # ! \\ signs '],
    ['ünï', 'tab\tline\nend'],
  ] as const) {
    t.deepEqual(parsed(formatProperty(name, value)), { [name]: value })
  }
})
