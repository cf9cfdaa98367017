/** A Python with librdkafka's client from PyPI, in a virtual environment in the user's cache. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { attempt } from '../support/program.js'

const VERSION = '2.16.1'
const environment = join(homedir(), '.cache', 'odradek', `confluent-kafka-${VERSION}`)
const python = join(environment, 'bin', 'python')

/** The Python to run the client with, or what is missing. */
export async function pythonClient(): Promise<{ python?: string; missing?: string }> {
  if (existsSync(python)) return { python }
  if (spawnSync('python3', ['-c', 'import venv, ensurepip'], { stdio: 'ignore' }).status !== 0) {
    return { missing: 'python3 with venv is not installed (Debian: python3-venv)' }
  }
  await mkdir(dirname(environment), { recursive: true })
  // Built beside its place and renamed: one that broke half way is never taken for whole. Only `python` of it is
  // run, which finds its packages relative to itself.
  const work = await mkdtemp(`${environment}-`)
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', work]],
    [join(work, 'bin', 'python'), ['-m', 'pip', 'install', '-q', `confluent-kafka==${VERSION}`]],
  ]
  for (const [command, args] of steps) {
    const { code, stderr } = await attempt(command, args, { timeoutMs: 300_000 })
    if (code !== 0) {
      await rm(work, { recursive: true, force: true })
      const reason = stderr.trim().split('\n').at(-1)
      return { missing: `pip could not fetch confluent-kafka: ${reason}` }
    }
  }
  await rename(work, environment)
  return { python }
}
