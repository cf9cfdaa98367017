/** A log's file to a socket of this machine: by sendfile, and read and written. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FileRange } from '../native/index.js'
import { type RawSink, rawSend } from '../native/raw-disk.js'
import { canSendFile } from '../native/zerocopy.js'
import { PlaintextWriter } from '../network/plaintext-writer.js'
import type { Subject } from './findings.js'
import type { ReadLog } from './read-log.js'
import type { Pass, Step } from './step.js'

/** What a consumer asks for at a time. */
const fetchBytes = 1_048_576
/** Answers that wait for the socket, as of a consumer that asks ahead. */
const fetchesInFlight = 4
const rawBlock = { sendfile: fetchBytes, copy: 262_144 } as const

type Way = 'sendfile' | 'copy'

export function sendSteps(source: ReadLog, sink: RawSink): Step[] {
  const ways: Way[] = canSendFile ? ['sendfile', 'copy'] : ['copy']
  const steps = ways.map((way) => sendStep(source, sink, way, 'cached'))
  return source.canBeCold ? [...steps, sendStep(source, sink, ways[0]!, 'cold')] : steps
}

function sendStep(source: ReadLog, sink: RawSink, way: Way, state: 'cached' | 'cold'): Step {
  const subject: Subject = {
    section: 'send',
    name: `send-${way}-${state}`,
    x: way,
    line: state,
    unit: 'MB/s',
    limit: way === 'sendfile' ? 'sendfile in a loop' : 'pread and send in a loop',
  }
  const bytesOf = ({ amounts }: Pass) => (state === 'cold' ? source.bytes : amounts.sendBytes)
  return {
    title: `send by ${way}, ${state}`,
    async raw(pass) {
      await source.prepare(state, pass)
      const bytes = bytesOf(pass)
      const options = { path: source.path, size: source.bytes, blockBytes: rawBlock[way], bytes }
      pass.findings.add(subject, 'raw', bytes / (await rawSend(sink.port, way, options)) / 1e6)
    },
    async engine(pass) {
      await source.prepare(state, pass)
      const bytes = bytesOf(pass)
      pass.findings.add(subject, 'engine', bytes / (await sendLog(source, sink, way, bytes)) / 1e6)
    },
  }
}

/** As a broker answers fetches. Resolves to seconds. */
async function sendLog(source: ReadLog, sink: RawSink, way: Way, bytes: number): Promise<number> {
  const socket = connect({ port: sink.port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const writer = new PlaintextWriter(socket, way === 'sendfile' ? descriptorOf(socket) : -1)
  try {
    const start = performance.now()
    let asked = 0
    await Promise.all(
      Array.from({ length: fetchesInFlight }, async () => {
        while (asked < bytes) {
          const position = asked % source.bytes
          const length = Math.min(fetchBytes, bytes - asked, source.bytes - position)
          asked += length
          await sent(writer, socket, await rangeAt(source, position, length))
        }
      }),
    )
    socket.end()
    socket.resume()
    // The sink closes when it has read all.
    await once(socket, 'close')
    return (performance.now() - start) / 1000
  } finally {
    writer.close()
    socket.destroy()
  }
}

async function rangeAt(source: ReadLog, position: number, maxBytes: number): Promise<FileRange> {
  const { log } = source
  const options = { maxBytes, minOneBatch: true, maxOffset: log.logEndOffset }
  const { range } = await log.read(source.offsetAt(position), options)
  return range!
}

function sent(writer: PlaintextWriter, socket: Socket, range: FileRange): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(error)
    socket.once('error', failed)
    writer.send([range], () => {
      socket.off('error', failed)
      resolve()
    })
  })
}

const descriptorOf = (socket: Socket) =>
  (socket as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1
