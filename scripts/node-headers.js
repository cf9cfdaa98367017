// Where the headers lie that came with this Node, so that node-gyp need not download them.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The environment for node-gyp: `npm_config_nodedir` names the headers where they are on the machine. */
export function gypEnvironment(env = process.env) {
  const prefix = dirname(dirname(process.execPath))
  const found = !env.npm_config_nodedir && existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  return found ? { ...env, npm_config_nodedir: prefix } : { ...env }
}
