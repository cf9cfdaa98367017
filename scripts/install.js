// Makes the native addon available: uses a prebuilt binary where one fits, else compiles with node-gyp.
import { spawnSync } from 'node:child_process'
import { gypEnvironment } from './node-headers.js'

const { status, error } = spawnSync('node-gyp-build', {
  stdio: 'inherit',
  env: gypEnvironment(),
  shell: true,
})
if (error) console.error(`odradek: node-gyp-build did not start: ${error.message}`)
process.exit(status ?? 1)
