// What the disk takes, measured where the brokers write, in the same run and right before them.
import { join } from 'node:path'
import type { DiskSpeed } from '../load/generator.js'
import type { Tools } from '../workload.js'

const BYTES = 1.4e9

export async function diskSpeed(tools: Tools): Promise<DiskSpeed> {
  await tools.settle()
  return await tools.generator.disk(join(tools.folder, 'disk-speed'), Math.round(BYTES * tools.scale))
}

/** MB/s with a flush always under way: the most that a broker can acknowledge from the disk. */
export async function diskLimit(tools: Tools): Promise<number> {
  await tools.settle()
  return await tools.generator.grouped(join(tools.folder, 'disk-limit'), Math.round(BYTES * tools.scale))
}
