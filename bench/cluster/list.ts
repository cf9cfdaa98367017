// Every workload of `bench cluster`, in the order in which they run. Those of one stage share a cluster.
import type { Workload } from '../workload.js'
import type { ClusterBench } from './cluster-bench.js'
import { failover } from './failover.js'
import { manyPartitions } from './many-partitions.js'
import { throughput } from './throughput.js'

export const clusterStages: readonly (readonly Workload<ClusterBench>[])[] = [
  throughput,
  failover,
  [manyPartitions('partitions-1k', 1_000)],
  [manyPartitions('partitions-10k', 10_000, 1)],
]
