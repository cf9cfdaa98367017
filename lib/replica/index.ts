/** Partitions: replicas, high watermark, what waits for it. */
export { type Isolation, Partition, type ReadWaiter } from './partition.js'
export { type AssignedPartition, Replicas } from './replicas.js'
