/** One topic in two brokers, which get the same and must show the same. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { createTopic, produce } from '../../support/records.js'
import { type Target, uniqueName } from '../../support/target.js'
import type { TestClient } from '../../support/test-client.js'
import {
  alterTopic,
  cleanedUpTo,
  firstFetched,
  listOffset,
  lookUp,
  segmentsOf,
  type TopicView,
  viewTopic,
} from '../../support/topic-view.js'
import { ComparedInput, type InputOptions } from './compared-input.js'

/** Records have times around it. */
export const openedAt = Date.now()
/**
 * How old the oldest are. Segments are hours apart by that, so that none comes of age between the look of one broker and
 * that of the other.
 */
const oldestMs = 60 * 3_600_000

/** One of the two brokers, with a client. */
export interface Side {
  readonly target: Target
  readonly client: TestClient
}

/** The same topic in both. */
export class ComparedTopic {
  readonly topic: string
  readonly input = new ComparedInput()
  readonly #t: ExecutionContext
  readonly #odradek: Side
  readonly #kafka: Side
  #seed = 1

  constructor(t: ExecutionContext, odradek: Side, kafka: Side) {
    this.#t = t
    this.#odradek = odradek
    this.#kafka = kafka
    this.topic = uniqueName('compared')
  }

  both<T>(of: (side: Side) => Promise<T>): Promise<[T, T]> {
    return Promise.all([of(this.#odradek), of(this.#kafka)])
  }

  async create(configs: Record<string, string>): Promise<void> {
    await this.both(({ client }) =>
      createTopic(client, this.topic, 1, { 'internal.segment.bytes': '40000', ...configs }),
    )
  }

  alter(configs: Record<string, string>): Promise<unknown> {
    return this.both(({ client }) => alterTopic(client, this.topic, configs))
  }

  /** Produces batches to both and compares what they answer, and where segments begin. */
  async produce(options: Partial<InputOptions> = {}): Promise<Uint8Array[]> {
    const batches = await this.input.batches({
      seed: this.#seed++,
      batches: 200,
      keys: 60,
      fromMs: openedAt - oldestMs,
      toMs: openedAt,
      ...options,
    })
    await this.send(batches)
    const [ours, theirs] = await this.both(({ target }) => segmentsOf(target.dataDir, this.topic))
    this.#t.deepEqual(ours.at(-1), theirs.at(-1), 'the active segments begin at the same offset')
    return batches
  }

  async send(batches: readonly Uint8Array[]): Promise<void> {
    const answers = await this.both(async ({ client }) => {
      const offsets: unknown[] = []
      // A broker sets offsets in place.
      for (const batch of batches) {
        const { errorCode, baseOffset } = await produce(client, this.topic, batch.slice())
        offsets.push([errorCode, Number(baseOffset)])
      }
      return offsets
    })
    this.#t.deepEqual(answers[0], answers[1], 'produce is answered alike')
  }

  /** One cleaning: makes the log due, waits until both have cleaned as far as `upTo` or their active segment. */
  async clean(upTo?: number): Promise<void> {
    await this.alter({ 'min.cleanable.dirty.ratio': '0.0' })
    await this.cleaned(upTo)
    await this.alter({ 'min.cleanable.dirty.ratio': '1.0' })
  }

  async cleaned(upTo?: number): Promise<void> {
    await this.both(async ({ target }) => {
      const wanted = upTo ?? (await segmentsOf(target.dataDir, this.topic)).at(-1)!
      await eventually(`cleaned up to ${wanted}`, async () => {
        const offset = await cleanedUpTo(target.dataDir, this.topic)
        return offset === wanted
          ? undefined
          : `${target === this.#kafka.target ? 'Kafka' : 'Odradek'}: ${offset}`
      })
    })
  }

  async startsAt(offset: number): Promise<void> {
    await this.both(({ target, client }) =>
      eventually(`the log starts at ${offset}`, async () => {
        const start = await listOffset(client, this.topic, -2)
        return start === offset
          ? undefined
          : `${target === this.#kafka.target ? 'Kafka' : 'Odradek'}: ${start}`
      }),
    )
  }

  async compare(what: 'batches' | 'records' = 'batches'): Promise<TopicView> {
    const [ours, theirs] = await this.both(({ client }) => viewTopic(client, this.topic))
    const t = this.#t
    t.is(ours.logStartOffset, theirs.logStartOffset, 'log start offset')
    t.is(ours.logEndOffset, theirs.logEndOffset, 'log end offset')
    t.deepEqual(
      ours.records.map(({ offset }) => offset),
      theirs.records.map(({ offset }) => offset),
      'the records that are left',
    )
    t.deepEqual(ours.records, theirs.records, 'what the records hold')
    if (what === 'batches') {
      t.deepEqual(ours.batches, theirs.batches, 'batches')
      await this.#compareLookUps(ours)
    }
    return ours
  }

  /** By offsets that are there no longer, and by time. */
  async #compareLookUps({ records, logStartOffset, logEndOffset }: TopicView): Promise<void> {
    const steps = Array.from({ length: 20 }, (_, step) => step / 20)
    const offsets = steps.map((part) => logStartOffset + Math.floor(part * (logEndOffset - logStartOffset)))
    const fetched = await this.both(({ client }) =>
      Promise.all(offsets.map((offset) => firstFetched(client, this.topic, offset))),
    )
    this.#t.deepEqual(fetched[0], fetched[1], 'what a fetch finds')

    const byAge = records.map(({ timestamp }) => timestamp).sort((a, b) => a - b)
    const times = [...new Set(steps.flatMap((part) => byAge[Math.floor(part * byAge.length)] ?? []))]
    for (const time of [...times, -3]) {
      const [ours, theirs] = await this.both(({ client }) => lookUp(client, this.topic, time))
      const youngest = byAge.at(-1) ?? -1
      const first = records.find(({ timestamp }) => timestamp >= (time < 0 ? youngest : time))
      this.#t.is(ours.offset, first?.offset ?? -1, `the first record of ${time}`)
      // Kafka finds nothing by time where the log begins with a segment that cleaning has emptied.
      if (theirs.offset >= 0) this.#t.deepEqual(ours, theirs, `what is found by ${time}`)
    }
  }
}

export async function eventually(what: string, failing: () => Promise<string | undefined>): Promise<void> {
  const giveUpAt = performance.now() + 180_000
  for (;;) {
    const failure = await failing()
    if (failure === undefined) return
    if (performance.now() > giveUpAt) throw new Error(`${what} did not come true: ${failure}`)
    await delay(25)
  }
}
