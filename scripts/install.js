// Makes the native addon available: uses a prebuilt binary where one fits, else compiles with node-gyp.
// Headers that came with this Node are used when they are on the machine, so that nothing is downloaded.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const prefix = dirname(dirname(process.execPath))
const env = { ...process.env }
if (!env.npm_config_nodedir && existsSync(join(prefix, 'include', 'node', 'node_api.h'))) {
  env.npm_config_nodedir = prefix
}
const { status, error } = spawnSync('node-gyp-build', { stdio: 'inherit', env, shell: true })
if (error) console.error(`odradek: node-gyp-build did not start: ${error.message}`)
process.exit(status ?? 1)
