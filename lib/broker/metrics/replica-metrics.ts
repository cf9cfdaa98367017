/** The partitions that this broker has. */
import { isReassigning, originalReplicas, type PartitionImage } from '../../cluster/index.js'
import type { Partition } from '../../replica/index.js'
import { counter, gauge, labelledGauge, type MetricSource, type Sample } from './metric.js'

const name = (what: string) => `kafka_server_replicamanager_${what}`

export const replicaMetrics = [
  gauge(name('partitioncount'), 'Partitions that this broker has', (source) => countAll(source, () => true)),
  gauge(name('leadercount'), 'Partitions that this broker leads', (source) =>
    countAll(source, ({ isLeader }) => isLeader),
  ),
  gauge(
    name('underreplicatedpartitions'),
    'Partitions that this broker leads and not all replicas are in sync with',
    (source) => countLed(source, (partition, state) => partition.isr.length < originalReplicas(state).length),
  ),
  gauge(
    name('reassigningpartitions'),
    'Partitions that this broker leads and that get other replicas',
    (source) => countLed(source, (_, state) => isReassigning(state)),
  ),
  gauge(
    name('underminisrpartitioncount'),
    'Partitions that this broker leads with fewer replicas in sync than min.insync.replicas',
    (source) => countLed(source, ({ isr, config }) => isr.length < config.minInsyncReplicas),
  ),
  gauge(
    name('atminisrpartitioncount'),
    'Partitions that this broker leads with just min.insync.replicas in sync',
    (source) => countLed(source, ({ isr, config }) => isr.length === config.minInsyncReplicas),
  ),
  gauge(
    name('offlinereplicacount'),
    'Partitions of this broker whose log could not be opened or has failed',
    ({ services: { replicas } }) => replicas.offlineCount,
  ),
  counter(
    name('isrshrinks_total'),
    'Times that this broker took replicas out of an ISR',
    ({ services: { cluster } }) => cluster.isrWriter.shrinks,
  ),
  counter(
    name('isrexpands_total'),
    'Times that this broker took a replica into an ISR',
    ({ services: { cluster } }) => cluster.isrWriter.expands,
  ),
  perPartition(
    'kafka_log_log_logstartoffset',
    'The first offset of the log',
    ({ log }) => log.logStartOffset,
  ),
  perPartition(
    'kafka_log_log_logendoffset',
    'The offset that the next record gets',
    ({ log }) => log.logEndOffset,
  ),
  perPartition('kafka_log_log_size', 'Bytes of the log on disk', ({ log }) => log.sizeInBytes),
]

function countAll({ services }: MetricSource, isCounted: (partition: Partition) => boolean): number {
  let count = 0
  for (const partition of services.replicas) if (isCounted(partition)) count++
  return count
}

function countLed(
  source: MetricSource,
  isCounted: (partition: Partition, state: PartitionImage) => boolean,
): number {
  const { image } = source.services.cluster
  return countAll(source, (partition) => {
    const state = image.topic(partition.topic)?.partitions[partition.partition]
    return partition.isLeader && state !== undefined && isCounted(partition, state)
  })
}

function perPartition(metric: string, help: string, value: (partition: Partition) => number) {
  return labelledGauge(metric, ['topic', 'partition'], help, function* ({ services }): Iterable<Sample> {
    for (const partition of services.replicas) {
      yield [[partition.topic, String(partition.partition)], value(partition)]
    }
  })
}
