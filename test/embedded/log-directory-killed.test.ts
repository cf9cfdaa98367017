import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { LogDirectory } from '../../lib/embedded/index.js'
import { temporaryFolder, values } from './opened-log.js'

const logs = 300
/** Acknowledged records after which the writer is killed. */
const killedAfter = [450, 700]

test('hundreds of logs that a killed process wrote to have all that was acknowledged, in order', async (t) => {
  const folder = await temporaryFolder(t)
  const acknowledged = new Array<number>(logs).fill(-1)
  let rounds = 0
  for (const count of killedAfter) {
    await writeUntil(folder, count, (log, offset) => {
      acknowledged[log] = Math.max(acknowledged[log]!, offset)
    })
    rounds++
    await using directory = await LogDirectory.open(folder, { maxOpenLogs: 64 })
    t.is(directory.openLogs, 0)
    for (const [i, last] of acknowledged.entries()) {
      const name = `log-${i}`
      if (last < 0) continue
      const found = await values(directory.log(name))
      t.true(
        found.length > last,
        `${name} has ${found.length} records, ${last} is the last acknowledged offset`,
      )
      // Each run of the writer counts its rounds from 0 on.
      const numbers = found.map((value) => Number(value.slice(name.length + 1)))
      t.true(found.every((value) => value.startsWith(`${name} `)))
      t.is(numbers.filter((number) => number === 0).length <= rounds, true)
      for (const [at, number] of numbers.entries()) t.true(number === 0 || number === numbers[at - 1]! + 1)
    }
    // All can be written to at once.
    const appended = await Promise.all(
      acknowledged.map((_, i) => directory.log(`log-${i}`).append({ value: `log-${i} 0` })),
    )
    for (const [i, { lastOffset }] of appended.entries()) acknowledged[i] = lastOffset
    rounds++
  }
})

/** Resolves when the writer was killed with SIGKILL while it wrote, and is gone. */
async function writeUntil(
  folder: string,
  count: number,
  onAcknowledged: (log: number, offset: number) => void,
): Promise<void> {
  const program = fileURLToPath(new URL('./killed-writer.js', import.meta.url))
  const child = spawn(process.execPath, [program, folder, String(logs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise((resolve) => child.once('close', resolve))
  let seen = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^(\d+) (\d+)$/.exec(line)
    if (match) onAcknowledged(Number(match[1]), Number(match[2]))
    if (++seen === count) child.kill('SIGKILL')
  }
  await gone
}
