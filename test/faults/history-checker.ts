/**
 * Looks through a history for what must never be, and knows nothing of how it came about. A power cut excuses one
 * thing (docs/durability.md): what was read before it and never acknowledged may be gone.
 */
import type { GroupHistory, History, PartitionHistory, ProducerHistory, ReplicaLog } from './history.js'

export const violationKinds = [
  /** Acknowledged, and not at its offset at every replica. */
  'lost',
  /** A value that stands in the log twice. */
  'duplicated',
  /** Values of one producer in another order than it sent them, or with one left out between. */
  'reordered',
  /** Replicas that hold different bytes under one offset. */
  'divergent',
  /** Read by a consumer, and another or none under that offset later. */
  'read and gone',
  /** A group was told an older offset than one that was committed, or seen, before. */
  'offsets gone back',
  /** A producer was told what no fault explains. */
  'refused',
] as const

export type ViolationKind = (typeof violationKinds)[number]

export interface Violation {
  readonly kind: ViolationKind
  readonly text: string
}

export function checkHistory(history: History): Violation[] {
  const violations: Violation[] = []
  const lastPowerCutAtMs = Math.max(Number.NEGATIVE_INFINITY, ...history.powerCutsAtMs)
  for (const partition of history.partitions) {
    const name = `${partition.topic}-${partition.partition}`
    const found = (kind: ViolationKind, text: string) => violations.push({ kind, text: `${name}: ${text}` })
    new PartitionCheck(partition, lastPowerCutAtMs, found).run()
  }
  for (const group of history.groups) {
    checkGroup(group, lastPowerCutAtMs, (text) =>
      violations.push({
        kind: 'offsets gone back',
        text: `${group.group}, partition ${group.partition}: ${text}`,
      }),
    )
  }
  return violations
}

export function countViolations(violations: readonly Violation[]): Map<ViolationKind, number> {
  return new Map(violationKinds.map((kind) => [kind, violations.filter((each) => each.kind === kind).length]))
}

class PartitionCheck {
  readonly #history: PartitionHistory
  readonly #lastPowerCutAtMs: number
  readonly #found: (kind: ViolationKind, text: string) => void

  constructor(
    history: PartitionHistory,
    lastPowerCutAtMs: number,
    found: (kind: ViolationKind, text: string) => void,
  ) {
    this.#history = history
    this.#lastPowerCutAtMs = lastPowerCutAtMs
    this.#found = found
  }

  run(): void {
    const { replicas, producers } = this.#history
    this.#checkReplicas()
    for (const replica of replicas) {
      const log = valuesByOffset(replica)
      this.#checkOnce(replica)
      for (const producer of producers) {
        this.#checkAcknowledged(producer, log, replica.broker)
        this.#checkOrder(producer, log, replica.broker)
      }
      this.#checkReads(log, replica.broker)
    }
    for (const { producer, refusals } of producers) {
      for (const refusal of refusals) this.#found('refused', `${producer}: ${refusal}`)
    }
  }

  /** As far as the shorter log goes: the rest of the longer one is judged by what was acknowledged and read. */
  #checkReplicas(): void {
    const [first, ...others] = this.#history.replicas
    for (const other of others) {
      const length = Math.min(first!.batches.length, other.batches.length)
      for (let index = 0; index < length; index++) {
        const [a, b] = [first!.batches[index]!, other.batches[index]!]
        if (a.baseOffset === b.baseOffset && a.digest === b.digest) continue
        this.#found(
          'divergent',
          `broker ${first!.broker} has ${a.values.join()} at ${a.baseOffset}, broker ${other.broker} ${b.values.join()} at ${b.baseOffset}`,
        )
        break
      }
    }
  }

  #checkOnce({ broker, batches }: ReplicaLog): void {
    const seen = new Map<string, number>()
    let next = batches[0]?.baseOffset ?? 0
    for (const { baseOffset, lastOffset, values } of batches) {
      if (baseOffset !== next) this.#found('lost', `broker ${broker} has ${baseOffset} behind ${next - 1}`)
      next = lastOffset + 1
      for (const [index, value] of values.entries()) {
        const before = seen.get(value)
        if (before !== undefined) {
          this.#found(
            'duplicated',
            `${value} is at ${before} and at ${baseOffset + index} of broker ${broker}`,
          )
        }
        seen.set(value, baseOffset + index)
      }
    }
  }

  #checkAcknowledged({ sent }: ProducerHistory, log: ReadonlyMap<number, string>, broker: number): void {
    let values: Set<string> | undefined
    for (const { value, offset, isAcknowledged } of sent) {
      if (!isAcknowledged) continue
      if (offset !== null && log.get(offset) !== value) {
        this.#found('lost', `${value} was acknowledged at ${offset}; broker ${broker} has ${log.get(offset)}`)
      }
      if (offset !== null) continue
      values ??= new Set(log.values())
      if (!values.has(value))
        this.#found('lost', `${value} was acknowledged; broker ${broker} does not have it`)
    }
  }

  #checkOrder(history: ProducerHistory, log: ReadonlyMap<number, string>, broker: number): void {
    const { producer, isIdempotent, sent } = history
    const place = new Map(sent.map(({ value }, index) => [value, index]))
    let last = -1
    for (const [offset, value] of [...log].sort(([a], [b]) => a - b)) {
      const index = place.get(value)
      if (index === undefined) continue
      // What nobody knows the outcome of may arrive late, but for a producer whose sequences say where it belongs.
      if (!isIdempotent && !sent[index]!.isAcknowledged) continue
      const isNext = isIdempotent ? index === last + 1 : index > last
      if (!isNext) {
        const before = last < 0 ? 'nothing' : sent[last]!.value
        this.#found('reordered', `${producer}: ${value} at ${offset} of broker ${broker} follows ${before}`)
      }
      last = Math.max(last, index)
    }
  }

  #checkReads(log: ReadonlyMap<number, string>, broker: number): void {
    const promised = new Map<number, string>()
    for (const { sent } of this.#history.producers) {
      for (const { value, offset } of sent) if (offset !== null) promised.set(offset, value)
    }
    for (const [offset, values] of this.#history.reads) {
      for (const { value, askedAtMs } of values.values()) {
        if (log.get(offset) === value) continue
        if (askedAtMs < this.#lastPowerCutAtMs && promised.get(offset) !== value) continue
        this.#found(
          'read and gone',
          `${value} was read at ${offset}; broker ${broker} has ${log.get(offset)}`,
        )
      }
    }
  }
}

function valuesByOffset({ batches }: ReplicaLog): Map<number, string> {
  const log = new Map<number, string>()
  for (const { baseOffset, values } of batches) {
    for (const [index, value] of values.entries()) log.set(baseOffset + index, value)
  }
  return log
}

/**
 * Whatever a fetch tells is at least what was told to be committed, or was seen, before it was asked. Without
 * members a commit that was never answered may come to pass late, behind newer ones: that offset alone may be seen
 * again.
 */
function checkGroup(
  { hasMembers, events }: GroupHistory,
  lastPowerCutAtMs: number,
  found: (text: string) => void,
): void {
  const unanswered = new Set(
    events
      .filter(({ what, answeredAtMs }) => what === 'commit' && answeredAtMs === Number.POSITIVE_INFINITY)
      .map(({ offset }) => offset),
  )
  const highest = Math.max(-1, ...events.filter(({ what }) => what === 'commit').map(({ offset }) => offset))
  for (const fetch of events) {
    if (fetch.what !== 'fetch' || !fetch.isDone) continue
    if (fetch.offset > highest) found(`${fetch.offset} was never committed`)
    if (!hasMembers && unanswered.has(fetch.offset)) continue
    for (const before of events) {
      if (!before.isDone || before.answeredAtMs > fetch.sentAtMs || before.offset <= fetch.offset) continue
      const isPromised = before.what === 'commit'
      if (!isPromised && before.answeredAtMs < lastPowerCutAtMs) continue
      const what = isPromised ? 'was committed' : 'was seen'
      found(`${before.offset} ${what}, ${fetch.offset} is told later`)
      break
    }
  }
}
