/** Every metric there is. */
import { controllerMetrics } from './controller-metrics.js'
import type { Metric } from './metric.js'
import { replicaMetrics } from './replica-metrics.js'
import { trafficMetrics } from './traffic-metrics.js'

export const metrics: readonly Metric[] = [...controllerMetrics, ...replicaMetrics, ...trafficMetrics]
