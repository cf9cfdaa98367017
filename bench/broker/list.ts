// Every workload of `bench broker`, in the order in which they run.
import type { Workload } from '../workload.js'
import { coldConsume } from './cold-consume.js'
import { consume } from './consume.js'
import { crash } from './crash.js'
import { javaConsume } from './java-consume.js'
import { javaLatencyWorkloads } from './java-latency.js'
import { javaProduceWorkloads } from './java-produce.js'
import { latencyWorkloads } from './latency.js'
import { produceWorkloads } from './produce.js'
import { ready } from './ready.js'

export const brokerWorkloads: readonly Workload[] = [
  ready,
  crash,
  ...produceWorkloads,
  consume,
  coldConsume,
  ...latencyWorkloads,
  ...javaProduceWorkloads,
  javaConsume,
  ...javaLatencyWorkloads,
]
