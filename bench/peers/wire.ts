// The few requests that the bench itself makes, in old fixed-size versions that both brokers serve. Written apart
// from lib/protocol, so that a mistake there cannot hide itself here.
import { connect, type Socket } from 'node:net'

const PRODUCE = 0
const METADATA = 3
const API_VERSIONS = 18
const CREATE_TOPICS = 19
const DELETE_TOPICS = 20
const TIMEOUT_MS = 30_000
const METADATA_VERSION = 7
const PRODUCE_VERSION = 3

export class WireError extends Error {
  override readonly name = 'WireError'
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  skip(count: number): void {
    this.#at += count
  }

  string(): string | null {
    const length = this.int16()
    if (length < 0) return null
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read)
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const string = (value: string) => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])

const list = (items: readonly Buffer[]) => Buffer.concat([int32(items.length), ...items])

export interface PartitionState {
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface TopicState {
  readonly name: string | null
  readonly error: number
  /** In the order of the answer. */
  readonly partitions: readonly PartitionState[]
}

/** What a topic is to be; all but the name and the number of partitions may be left out. */
export interface NewTopic {
  readonly replicas?: number
  readonly configs?: Readonly<Record<string, string>>
}

function partitionState(reader: Reader): PartitionState {
  reader.int16()
  const partition = reader.int32()
  const leader = reader.int32()
  const leaderEpoch = reader.int32()
  const ids = () => reader.array(() => reader.int32())
  const state = { partition, leader, leaderEpoch, replicas: ids(), isr: ids() }
  ids()
  return state
}

/** One connection, one request at a time. */
export class Wire implements Disposable {
  readonly #socket: Socket
  #received: Buffer[] = []
  #wake: (error?: Error) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (part) => {
      this.#received.push(part)
      this.#wake()
    })
    socket.on('error', (error) => this.#wake(error))
    socket.on('close', () => this.#wake(new WireError('connection closed')))
  }

  get closed(): boolean {
    return this.#socket.destroyed
  }

  static connect(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Wire(socket))
      })
    })
  }

  async #request(api: number, version: number, body: Buffer): Promise<Reader> {
    const frame = Buffer.concat([int16(api), int16(version), int32(1), string('bench'), body])
    this.#received = []
    this.#socket.write(Buffer.concat([int32(frame.length), frame]))
    for (;;) {
      const bytes = Buffer.concat(this.#received)
      if (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) return new Reader(bytes.subarray(8))
      await this.#more()
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new WireError('no answer')), TIMEOUT_MS)
      this.#wake = (error) => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve()
      }
    })
  }

  async apiVersions(): Promise<number> {
    const reader = await this.#request(API_VERSIONS, 0, Buffer.alloc(0))
    const error = reader.int16()
    if (error !== 0) throw new WireError(`ApiVersions: error ${error}`)
    return reader.array(() => reader.skip(6)).length
  }

  /** Of the named topics, or only the brokers. */
  async metadata(topics: readonly string[]): Promise<{ brokers: number; topics: TopicState[] }> {
    const body = Buffer.concat([list(topics.map(string)), Buffer.from([0])])
    const reader = await this.#request(METADATA, METADATA_VERSION, body)
    reader.int32()
    const brokers = reader.array(() => {
      reader.int32()
      reader.string()
      reader.int32()
      reader.string()
    }).length
    reader.string()
    reader.int32()
    const states = reader.array(() => {
      const error = reader.int16()
      const name = reader.string()
      reader.skip(1)
      return { name, error, partitions: reader.array(() => partitionState(reader)) }
    })
    return { brokers, topics: states }
  }

  /** Resolves with the error code of the answer. */
  async produce(topic: string, partition: number, batch: Buffer, timeoutMs: number): Promise<number> {
    const data = Buffer.concat([int32(partition), int32(batch.length), batch])
    const topics = list([Buffer.concat([string(topic), list([data])])])
    const body = Buffer.concat([int16(-1), int16(-1), int32(timeoutMs), topics])
    const reader = await this.#request(PRODUCE, PRODUCE_VERSION, body)
    const [errors = []] = reader.array(() => {
      reader.string()
      return reader.array(() => {
        reader.int32()
        const error = reader.int16()
        reader.skip(16)
        return error
      })
    })
    return errors[0]!
  }

  async createTopic(
    name: string,
    partitions: number,
    { replicas = 1, configs = {} }: NewTopic = {},
  ): Promise<void> {
    const settings = Object.entries(configs).map((entry) => Buffer.concat(entry.map(string)))
    const topic = Buffer.concat([
      ...[string(name), int32(partitions), int16(replicas)],
      ...[list([]), list(settings)],
    ])
    const body = Buffer.concat([list([topic]), int32(TIMEOUT_MS), Buffer.from([0])])
    this.#check('CreateTopics', name, await this.#request(CREATE_TOPICS, 2, body))
    await this.leadersOf(name, partitions)
  }

  async deleteTopic(name: string): Promise<void> {
    const body = Buffer.concat([list([string(name)]), int32(TIMEOUT_MS)])
    this.#check('DeleteTopics', name, await this.#request(DELETE_TOPICS, 1, body))
  }

  /** Resolves when every partition has a leader: only then do clients find the topic at their first try. */
  async leadersOf(name: string, partitions: number): Promise<void> {
    const giveUpAt = performance.now() + TIMEOUT_MS
    while (!(await this.#hasLeaders(name, partitions))) {
      if (performance.now() > giveUpAt) throw new WireError(`topic ${name} has no leaders`)
      await new Promise((wake) => setTimeout(wake, 5))
    }
  }

  async #hasLeaders(name: string, partitions: number): Promise<boolean> {
    const state = (await this.metadata([name])).topics[0]!
    return (
      state.error === 0 &&
      state.partitions.length === partitions &&
      state.partitions.every(({ leader }) => leader >= 0)
    )
  }

  #check(api: string, name: string, reader: Reader): void {
    reader.int32()
    const errors = reader.array(() => {
      reader.string()
      const error = reader.int16()
      if (api === 'CreateTopics') reader.string()
      return error
    })
    if (errors.length !== 1 || errors[0] !== 0) throw new WireError(`${api} ${name}: error ${errors}`)
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
