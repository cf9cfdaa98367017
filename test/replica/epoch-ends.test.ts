/** Leaders and followers of random histories: every divergence is found, and cut where the logs part. */
import test from 'ava'
import { divergence, truncationOffset } from '../../lib/replica/epoch-ends.js'
import { LeaderEpochCache } from '../../lib/storage/leader-epoch-cache.js'
import { Random } from '../support/random.js'

/** The epoch of each record. */
type History = readonly number[]

function logOf(history: History) {
  const epochs = new LeaderEpochCache()
  for (const [offset, epoch] of history.entries())
    if (epoch > epochs.latestEpoch) epochs.assign(epoch, offset)
  return { logEndOffset: history.length, epochs }
}

/** Asks and cuts until the leader finds nothing that it does not have. */
function converge(leader: History, leaderEpoch: number, follower: History): History {
  let kept = follower
  for (let round = 0; round < 20; round++) {
    const log = logOf(kept)
    const diverging = divergence(logOf(leader), leaderEpoch, log.epochs.latestEpoch, kept.length)
    if (!diverging) return kept
    const cut = truncationOffset(log, diverging)
    if (cut >= kept.length) throw new Error(`nothing is cut of ${kept} for ${JSON.stringify(diverging)}`)
    kept = kept.slice(0, cut)
  }
  throw new Error('it does not end')
}

test('a tail that the leader does not have is cut, and nothing more', (t) => {
  t.deepEqual(converge([0, 0, 1, 1], 1, [0, 0, 0]), [0, 0])
  t.deepEqual(converge([0, 0], 3, [0, 0, 1, 2]), [0, 0])
  t.deepEqual(converge([0, 0, 0], 2, [0, 0]), [0, 0])
  t.deepEqual(converge([], 2, [1, 1]), [])
  t.deepEqual(converge([0, 2, 2, 4], 4, [0, 1, 1, 3, 3]), [0])
})

test('logs of random elections become prefixes of the leader’s', (t) => {
  const random = new Random()
  t.log(`SEED=${random.seed}`)
  for (let run = 0; run < 2_000; run++) {
    const logs: number[][] = [[], [], []]
    let leaderEpoch = 0
    let leader = 0
    for (; leaderEpoch < 8; leaderEpoch++) {
      leader = random.below(3)
      for (let count = random.below(4); count > 0; count--) logs[leader]!.push(leaderEpoch)
      for (const [id, log] of logs.entries()) {
        if (id === leader || random.chance(0.5)) continue
        const kept = converge(logs[leader]!, leaderEpoch, log)
        if (kept.join() !== logs[leader]!.slice(0, kept.length).join()) {
          t.deepEqual(kept, logs[leader]!.slice(0, kept.length))
        }
        const upTo = kept.length + random.below(4)
        logs[id] = [...kept, ...logs[leader]!.slice(kept.length, upTo)]
      }
    }
  }
  t.pass()
})
