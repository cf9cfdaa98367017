/** Settings of replication between brokers. */

import { boolean, type Declarations, int, list, long, string } from '../setting.js'

const MIB = 1024 * 1024

/** The classes of Kafka that `replica.selector.class` may name. */
export const LEADER_SELECTOR = 'org.apache.kafka.common.replica.LeaderSelector'
export const RACK_AWARE_SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector'

export const replicationSettings = {
  'auto.leader.rebalance.enable': boolean(true, {
    doc: 'The controller moves leaders back to their preferred replicas, the first of each partition, once those live and are in sync.',
  }),
  'follower.replication.throttled.rate': long(Number.POSITIVE_INFINITY, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Bytes a second that this broker fetches for its replicas that follower.replication.throttled.replicas names and that are not in sync, all together.',
  }),
  'decommissioned.brokers': list([], {
    change: 'cluster-wide',
    range: 'node ids',
    check: (ids) => {
      const wrong = ids.find((id) => !/^\d+$/.test(id))
      return wrong === undefined ? undefined : `'${wrong}' is no node id`
    },
    doc: 'Brokers that are given no new replicas and no leaderships back. Written by odradek cluster decommission.',
  }),
  'leader.imbalance.check.interval.seconds': long(300, {
    min: 1,
    doc: 'How often the controller looks whether leaders are where they are preferred.',
  }),
  'leader.imbalance.per.broker.percentage': int(10, {
    min: 0,
    doc: 'Leaders are moved back to a broker when more than this share of the partitions that prefer it are led elsewhere. Kafka 4 does without it, as 0 does.',
  }),
  'leader.replication.throttled.rate': long(Number.POSITIVE_INFINITY, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Bytes a second that this broker sends to replicas that are not in sync, of the partitions that leader.replication.throttled.replicas names, all together.',
  }),
  'num.replica.fetchers': int(1, {
    min: 1,
    doc: 'Connections to each leader that this broker follows; each fetches a share of the partitions.',
  }),
  'replica.fetch.backoff.ms': int(1000, {
    min: 0,
    doc: 'The longest rest after a fetch that failed; the first ones are shorter.',
  }),
  'replica.fetch.max.bytes': int(MIB, {
    min: 0,
    doc: 'The most bytes that a follower fetches of one partition at a time, but for a first batch that is larger.',
  }),
  'replica.fetch.min.bytes': int(1, {
    doc: 'A follower’s fetch waits at the leader for so many bytes.',
  }),
  'replica.fetch.response.max.bytes': int(10 * MIB, {
    min: 0,
    doc: 'The most bytes that a follower fetches from a leader at a time, but for a first batch that is larger.',
  }),
  'replica.fetch.wait.max.ms': int(500, {
    doc: 'How long a follower’s fetch waits at the leader; must be well below replica.lag.time.max.ms.',
  }),
  'replica.lag.time.max.ms': long(30_000, {
    doc: 'A follower that has not had the whole log for so long is taken out of the in-sync replicas.',
  }),
  'replica.selector.class': string(null, {
    oneOf: [LEADER_SELECTOR, RACK_AWARE_SELECTOR],
    doc: 'Where consumers read (KIP-392): from the leader, or with the RackAwareReplicaSelector from an in-sync replica whose broker.rack is their client.rack. No other class can be loaded.',
  }),
  'replica.socket.timeout.ms': int(30_000, {
    doc: 'A fetch that has no answer by then closes its connection, and a leader that cannot be reached is tried anew.',
  }),
  'unclean.leader.election.enable': boolean(false, {
    change: 'cluster-wide',
    doc: 'Default of unclean.leader.election.enable: when no replica in sync lives, let another one lead, though it loses acknowledged records.',
  }),
} satisfies Declarations
