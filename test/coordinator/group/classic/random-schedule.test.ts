/**
 * Members that do what they like, when they like, against a log that is slow and fails at times. Whatever the
 * schedule, the group must keep its promises.
 */
import test from 'ava'
import { KafkaError } from '../../../../lib/protocol/index.js'
import { Random } from '../../../support/random.js'
import { bytes, errorName, Harness, subscription, text } from '../harness.js'

const PARTITIONS = ['0', '1', '2', '3', '4', '5', '6', '7']

interface Client {
  readonly name: string
  readonly instanceId: string | null
  memberId: string
  generationId: number
  busy: boolean
}

/** What was seen of one generation of one group. */
interface Generation {
  readonly leaders: Set<string>
  readonly protocolNames: Set<string | null>
  readonly joined: Set<string>
  listed: Set<string> | null
  readonly given: Map<string, string>
}

function generations() {
  const seen = new Map<number, Generation>()
  return (generationId: number): Generation => {
    let generation = seen.get(generationId)
    if (generation === undefined) {
      generation = {
        leaders: new Set(),
        protocolNames: new Set(),
        joined: new Set(),
        listed: null,
        given: new Map(),
      }
      seen.set(generationId, generation)
    }
    return generation
  }
}

for (const round of [1, 2, 3, 4]) {
  test(`a random schedule, round ${round}`, async (t) => {
    const random = new Random()
    t.log(`SEED=${random.seed}`)
    const h = await Harness.start({ initialRebalanceDelayMs: random.pick([0, 500, 3_000]), maxSize: 6 })
    const generation = generations()
    const open = new Set<Promise<void>>()
    let committed = -1
    let maybeCommitted = new Set<number>()
    let latest = 0

    const clients: Client[] = Array.from({ length: 8 }, (_, i) => ({
      name: `c${i}`,
      instanceId: i % 3 === 0 ? `static-${i}` : null,
      memberId: '',
      generationId: -1,
      busy: false,
    }))

    const track = (client: Client, work: Promise<void>) => {
      client.busy = true
      const done = work.finally(() => {
        client.busy = false
        open.delete(done)
      })
      open.add(done)
    }

    async function joinAndSync(client: Client): Promise<void> {
      const protocols: Record<string, Uint8Array> = { range: subscription('orders') }
      if (random.chance(0.3)) protocols.sticky = subscription('orders', client.name)
      const joined = await h.join({
        memberId: client.memberId,
        instanceId: client.instanceId,
        protocols,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: random.pick([5_000, 20_000]),
        clientId: client.name,
      })
      const error = errorName(joined.errorCode)
      if (error === 'MEMBER_ID_REQUIRED') {
        client.memberId = joined.memberId
        return
      }
      if (error !== 'NONE') {
        if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') client.memberId = ''
        return
      }
      // The client may be another process by the time of the next answer.
      const { memberId, generationId } = joined
      client.memberId = memberId
      client.generationId = generationId
      const current = generation(generationId)
      t.true(generationId >= latest - 1, 'a generation does not come back')
      latest = Math.max(latest, generationId)
      current.leaders.add(joined.leader)
      current.protocolNames.add(joined.protocolName)
      current.joined.add(memberId)
      const assignments: Record<string, Uint8Array> = {}
      if (joined.members.length > 0) {
        t.is(joined.leader, memberId, 'only the leader learns the members')
        const ids = joined.members.map((member) => member.memberId)
        t.is(new Set(ids).size, ids.length)
        current.listed = new Set(ids)
        if (!joined.skipAssignment) {
          PARTITIONS.forEach((partition, i) => {
            const id = ids[i % ids.length]!
            assignments[id] = bytes(`${assignments[id] ? text(assignments[id]) : ''}${partition}`)
          })
        }
      }
      if (random.chance(0.1)) return
      const synced = await h.sync(memberId, generationId, assignments, {
        instanceId: client.instanceId,
        protocolName: joined.protocolName!,
      })
      if (synced.errorCode !== 0) return
      const before = current.given.get(memberId)
      const assignment = text(synced.assignment)
      t.true(before === undefined || before === assignment, 'an assignment does not change in a generation')
      current.given.set(memberId, assignment)
    }

    async function heartbeat(client: Client): Promise<void> {
      const options = client.instanceId === null ? {} : { instanceId: client.instanceId }
      const error = await h.heartbeat(client.memberId, client.generationId, options)
      const isGone = error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID'
      if (isGone) client.memberId = ''
    }

    async function commit(client: Client, offset: number): Promise<void> {
      const { memberId, generationId, instanceId } = client
      maybeCommitted.add(offset)
      const error = await h.commit({ memberId, generationId, instanceId, offset })
      if (error === 'NONE') {
        t.true(maybeCommitted.has(offset) || offset <= committed)
        committed = offset
        // Writes take effect in their order: what was asked for before this one is overwritten.
        maybeCommitted = new Set([...maybeCommitted].filter((other) => other > offset))
      }
    }

    for (let step = 0; step < 600; step++) {
      const client = random.pick(clients)
      const chosen = random.below(10)
      if (chosen === 0) {
        await h.time.pass(random.pick([10, 500, 3_000, 9_000]))
      } else if (chosen === 1) {
        if (random.chance(0.5)) h.log.hold()
        else h.log.release()
        h.log.onAppend = random.chance(0.2)
          ? () => {
              throw new KafkaError('NOT_ENOUGH_REPLICAS')
            }
          : undefined
      } else if (chosen === 2 && client.memberId !== '') {
        track(client, heartbeat(client))
      } else if (chosen === 3 && random.chance(0.3)) {
        // The process dies: its requests stay parked, its next life knows nothing.
        client.memberId = ''
        client.busy = false
      } else if (chosen === 4 && client.memberId !== '' && random.chance(0.3)) {
        const { memberId, instanceId } = client
        track(
          client,
          h.leave(memberId, { instanceId }).then(() => undefined),
        )
      } else if (chosen === 5 && !client.busy) {
        track(client, commit(client, step))
      } else if (!client.busy) {
        track(client, joinAndSync(client))
      }
      await Promise.resolve()
      const { members, groupState } = await h.describe()
      const ids = members.map((member) => member.memberId)
      t.is(new Set(ids).size, ids.length, 'no member is there twice')
      const instances = members.flatMap((member) => member.groupInstanceId ?? [])
      t.is(new Set(instances).size, instances.length, 'no instance is there twice')
      if (groupState === 'Empty' || groupState === 'Dead') t.is(members.length, 0)
    }

    h.log.onAppend = undefined
    h.log.release()
    await h.time.pass(1_800_000)
    t.is(open.size, 0, 'every parked request was answered')
    t.true(['Empty', 'Dead'].includes((await h.describe()).groupState), 'nobody is left')

    for (let id = 1; id <= latest; id++) {
      const { leaders, protocolNames, joined, listed, given } = generation(id)
      t.true(protocolNames.size <= 1, `generation ${id} has one protocol`)
      const all = [...given.values()].join('')
      t.is(new Set(all).size, all.length, `the assignments of generation ${id} are disjoint`)
      // Static members that come back within a generation have other ids than the leader was told.
      if (listed === null || [...joined].some((memberId) => memberId.startsWith('static-'))) continue
      t.true(leaders.size <= 1, `generation ${id} has one leader`)
      t.true(
        [...joined].every((memberId) => listed.has(memberId)),
        `generation ${id} was listed whole`,
      )
    }

    const { committedOffset } = await h.fetch()
    t.true(committedOffset === committed || maybeCommitted.has(Number(committedOffset)))
  })
}
