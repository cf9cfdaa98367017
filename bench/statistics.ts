// One way of turning rounds into figures, for all benchmarks.
export { percentile, ratios, type Spread, spread } from '../lib/disk-benchmark/spread.js'
