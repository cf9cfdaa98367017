/** Tests that need an etcd on PATH. */
import { spawnSync } from 'node:child_process'
import anyTest, { type TestFn } from 'ava'

const { error: missing } = spawnSync('etcd', ['--version'], { stdio: 'ignore' })

/** Skips by name where there is no etcd on PATH. */
export const etcdTest: TestFn['serial'] = missing
  ? (Object.assign(
      (title: string) => anyTest.skip(`${title} (no etcd on PATH)`, () => {}),
      anyTest.serial,
    ) as never)
  : anyTest.serial
