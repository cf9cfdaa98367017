/** The cluster as its image shows it. Told by the controller alone, so that a sum over brokers counts once. */
import type { ClusterImage } from '../../cluster/index.js'
import { gauge, type MetricSource } from './metric.js'

const name = (what: string) => `kafka_controller_kafkacontroller_${what}`

export const controllerMetrics = [
  gauge(name('activecontrollercount'), '1 at the broker that is the controller, 0 at the others', (source) =>
    isController(source) ? 1 : 0,
  ),
  byController('activebrokercount', 'Brokers that live', (image) => image.liveBrokers.length),
  byController(
    'fencedbrokercount',
    'Brokers that are registered and do not live',
    (image) => [...image.brokers.keys()].filter((id) => image.memberState(id) === 'fenced').length,
  ),
  byController('globaltopiccount', 'Topics', (image) => image.topics.size),
  byController('globalpartitioncount', 'Partitions', (image) => countPartitions(image, () => true)),
  byController('offlinepartitionscount', 'Partitions without a leader', (image) =>
    countPartitions(image, ({ leader }) => leader < 0),
  ),
  byController(
    'preferredreplicaimbalancecount',
    'Partitions that another than their first replica leads',
    (image) => countPartitions(image, ({ leader, replicas }) => leader !== replicas[0]),
  ),
]

type PartitionState = { readonly leader: number; readonly replicas: readonly number[] }

function isController({ services: { cluster } }: MetricSource): boolean {
  return cluster.image.controllerId === cluster.nodeId
}

function byController(what: string, help: string, value: (image: ClusterImage) => number) {
  return gauge(name(what), help, (source) =>
    isController(source) ? value(source.services.cluster.image) : undefined,
  )
}

function countPartitions(image: ClusterImage, isCounted: (state: PartitionState) => boolean): number {
  let count = 0
  for (const { partitions } of image.topics.values()) count += partitions.filter(isCounted).length
  return count
}
