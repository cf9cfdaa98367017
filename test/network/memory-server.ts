/** A listener in a process of its own, for tests that measure its memory. Answers `size of the frame`, or a file. */

import { pino } from 'pino'
import { rangeOfFile } from '../../lib/native/zerocopy.js'
import {
  ConnectionQuota,
  defaultLimits,
  defaultQueuedRequestBytes,
  FrameBudget,
  listen,
} from '../../lib/network/index.js'

const [path, length] = process.argv.slice(2)
const limits = { ...defaultLimits }
const listener = await listen({
  host: '127.0.0.1',
  port: 0,
  listenerName: 'PLAINTEXT',
  limits,
  budget: new FrameBudget(defaultQueuedRequestBytes),
  connections: new ConnectionQuota(limits),
  log: pino({ level: 'silent' }),
  accept: () => async (frame) => {
    if (frame.toString('latin1', 0, 4) === 'file') return [rangeOfFile(path!, 0, Number(length))]
    return [Buffer.from(String(frame.length))]
  },
})

const atStart = process.memoryUsage().rss
let peak = 0
let connections = 0
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss)
  connections = Math.max(connections, listener.connectionCount)
}, 10)
process.on('message', () => process.send!({ peak: peak - atStart, connections }))
process.on('disconnect', () => process.exit())
process.send!({ port: listener.port })
