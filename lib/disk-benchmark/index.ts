/** What a disk does, and how close the engine comes: measured side by side, with a report as data or as a page. */

export { defaultSize, MIN_SIZE } from './amounts.js'
export type { Comparison, Latency, Machine, Report, SectionName, Series } from './report.js'
export { type DiskBenchmarkOptions, runDiskBenchmark } from './run.js'
export { UnsuitableFolderError } from './workplace.js'
