import test from 'ava'
import { isInternalTopic } from '../../lib/cluster/index.js'
import {
  BrokerConfig,
  coordinatedTopic,
  coordinatedTopicFor,
  coordinatedTopics,
} from '../../lib/config/index.js'

test('every coordinated topic has a name and a kind of key of its own, and is internal', (t) => {
  for (const topic of coordinatedTopics) {
    t.is(coordinatedTopic(topic.name), topic)
    t.is(coordinatedTopicFor(topic.keyType), topic)
    t.true(isInternalTopic(topic.name))
  }
})

test('what no coordinator has is found neither by name nor by kind of key', (t) => {
  t.is(coordinatedTopic('orders'), undefined)
  t.is(coordinatedTopicFor(127), undefined)
})

test('__consumer_offsets belongs to groups and is made as its settings say', (t) => {
  const topic = coordinatedTopic('__consumer_offsets')!
  const config = new BrokerConfig(new Map([['offsets.topic.segment.bytes', '2097152']]))
  t.is(topic.keyType, 0)
  t.is(config.get(topic.partitions), 50)
  t.is(topic.configs(config).get('cleanup.policy'), 'compact')
  t.is(topic.configs(config).get('segment.bytes'), '2097152')
})
