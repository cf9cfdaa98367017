/** A data folder that Apache Kafka wrote, unpacked for one test. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

const golden = new URL('../../../test/golden/', import.meta.url).pathname

/** After a clean stop, or after kill -9. */
export function kafkaFolder(t: ExecutionContext, stop: 'clean' | 'killed'): string {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-kafka-folder-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  execFileSync('tar', ['xzf', join(golden, `kafka-data-folder-${stop}.tar.gz`), '-C', folder])
  return folder
}
