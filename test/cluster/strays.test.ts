/** What a broker finds in its data folder and the cluster no longer has there. */
import { readdir } from 'node:fs/promises'
import test from 'ava'
import { Brokers } from '../support/brokers.js'
import { batchOf, fetch, produce, valuesIn } from '../support/records.js'

test('topics that were deleted while a broker was away are set aside, also where their names are taken again', async (t) => {
  await using brokers = await Brokers.start({ ids: [1, 2] })
  for (const name of ['orders', 'payments', 'kept']) {
    await brokers.createTopic(name, [[1, 2]])
    await produce(brokers.client(1), name, batchOf([`an old one of ${name}`]))
  }
  await brokers.stop(2)
  await brokers.client(1).send('DeleteTopics', {
    topics: [{ name: 'orders' }, { name: 'payments' }],
    timeoutMs: 60_000,
  })
  await brokers.createTopic('orders', [[1, 2]])
  await brokers.start(2)
  await brokers.elect('orders', 2, undefined)
  await brokers.untilInSync('orders', [1, 2])

  const names = (await readdir(brokers.folder(2))).filter((name) => /^(orders|payments|kept)-/.test(name))
  const aside = names.filter((name) => name.endsWith('-stray')).map((name) => name.replace(/\..*/, ''))
  t.deepEqual(aside.sort(), ['orders-0', 'payments-0'])
  t.deepEqual(names.filter((name) => !name.endsWith('-stray')).sort(), ['kept-0', 'orders-0'])
  t.deepEqual(await valuesIn((await fetch(brokers.client(1), 'kept', 0)).records), ['an old one of kept'])

  await brokers.stop(2)
  await brokers.start(2)
  const after = (await readdir(brokers.folder(2))).filter((name) => name.endsWith('-stray'))
  t.is(after.length, 2, 'what was set aside stays as it is')
})
