import { join } from 'node:path'
import { run } from '../support/program.js'
import { COMPRESSIONS, type Scenario, suite } from '../support/suite.js'
import { packageRoot } from '../support/target.js'
import { pythonClient } from './python-client.js'

/** The scenarios of python/client.py, and what each shows. */
const scenarios: Record<string, string> = {
  ...Object.fromEntries(
    COMPRESSIONS.map((name) => [
      `records-${name}`,
      `produces and consumes keys, headers and timestamps, compressed by ${name}`,
    ]),
  ),
  acks: 'produces with acks 0, 1 and all',
  idempotent: 'loses and doubles nothing with an idempotent producer',
  'too-large': 'is refused a batch above max.message.bytes',
  topics: 'creates, alters, enlarges and deletes topics',
  offsets: 'lists offsets and deletes records',
  'group-range': 'shares partitions, commits and resumes with the range assignor',
  'group-cooperative-sticky': 'shares partitions, commits and resumes with the cooperative sticky assignor',
}

const { python, missing } = await pythonClient()
const program = join(packageRoot, 'test', 'clients', 'python', 'client.py')

suite(
  'librdkafka',
  missing,
  Object.entries(scenarios).map(
    ([name, title]): Scenario => ({
      name: title,
      async run(t, { bootstrap }) {
        await run(python!, [program, bootstrap, name], { timeoutMs: 300_000 })
        t.pass()
      },
    }),
  ),
)
