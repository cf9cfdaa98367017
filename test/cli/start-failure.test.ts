import test from 'ava'
import { startFailure } from '../../lib/cli/start-failure.js'

const settings = new Map([['log.dirs', '/data']])
const said = (fields: object) =>
  (startFailure(Object.assign(new Error('raw'), fields), settings) as Error).message

test('why a broker does not start is said with what to do about it', (t) => {
  t.regex(said({ code: 'EADDRINUSE', port: 9092, address: '127.0.0.1' }), /port 9092 .* in use: .*--port/)
  t.regex(said({ code: 'EACCES', port: 80, address: '127.0.0.1' }), /no permission to listen on port 80/)
  t.regex(said({ code: 'EADDRNOTAVAIL', address: '10.1.2.3' }), /10\.1\.2\.3 is no address of this machine/)
  t.regex(
    said({ code: 'LOCKED', path: '/data/.lock' }),
    /\/data is in use by another broker \(\/data\/\.lock/,
  )
  t.regex(said({ code: 'IO', errno: 13, path: '/data/x' }), /no permission for \/data\/x/)
  t.regex(said({ code: 'IO', errno: 30, path: '/data/x' }), /read-only/)
  t.regex(said({ code: 'EEXIST', path: '/data' }), /\/data is no folder: .*--data/)
  t.regex(said({ code: 'NO_SPACE', errno: 28 }), /disk of the data folder \/data is full/)
})

test('what is not known is left as it is', (t) => {
  t.is(said({ code: 'IO', errno: 5 }), 'raw')
  t.is(startFailure('text', settings), 'text')
})
