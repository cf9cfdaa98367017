// What the figures were measured on.
import { cpus, totalmem } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly node: string
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
}

export function machineText({ cpu, cores, memoryGb, node }: Machine): string {
  return `${cores} × ${cpu}, ${memoryGb} GB, Node ${node}`
}
