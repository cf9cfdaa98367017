import test from 'ava'
import { TopicCreation } from '../../../lib/broker/topics/topic-creation.js'
import type { Cluster, TopicImage } from '../../../lib/cluster/index.js'
import type { BrokerConfig } from '../../../lib/config/index.js'

test('a topic that is there is not waited for while logs of others come and go', async (t) => {
  const topic = { name: 'orders' } as TopicImage
  const cluster = { image: { topic: () => topic } } as unknown as Cluster
  const creation = new TopicCreation(cluster, {} as BrokerConfig, () => new Promise(() => {}))
  t.is(await creation.ensure('orders'), topic)
})
