/** Settings of the broker itself, of topic creation and of producers. */

import { boolean, type Declarations, int, list, long, string } from '../setting.js'

export const brokerOwnSettings = {
  'node.id': int(1, { min: 0, doc: 'The number of this broker.' }),
  'broker.id': int(-1, { doc: 'The older name of node.id; when both are set they must agree.' }),
  'broker.rack': string(null, { doc: 'Where this broker stands; clients are told it in the metadata.' }),
  'log.dir': list(['data'], { doc: 'The data folder, where log.dirs is not set.' }),
  'log.dirs': list(null, { doc: 'The data folder. One only.' }),
  'num.partitions': int(1, { min: 1, doc: 'Partitions of a topic that is created without saying how many.' }),
  'default.replication.factor': int(1, {
    min: 1,
    doc: 'Replicas of a topic that is created without saying how many.',
  }),
  'delete.topic.enable': boolean(true, { doc: 'Allow topics to be deleted.' }),
  'producer.id.expiration.ms': int(86_400_000, {
    min: 1,
    change: 'cluster-wide',
    doc: 'The sequence numbers of a producer that has not written for so long are forgotten.',
  }),
  'producer.id.expiration.check.interval.ms': int(600_000, {
    min: 1,
    internal: true,
    doc: 'How often producers are looked through for expired ones.',
  }),
  'replica.high.watermark.checkpoint.interval.ms': long(5000, {
    doc: 'How often the high watermarks are saved.',
  }),
} satisfies Declarations
