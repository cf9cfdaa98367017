/** Loads the engine's addon, a prebuilt one or that which was compiled here. Only this room imports it. */

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const load = require('node-gyp-build') as (folder: string) => unknown

/** The package's root, seen from dist/lib/native. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** What the addon exports; each facade of this room declares its part. */
export const addon: unknown = load(root)
