/**
 * A broker as a process: settings from the command line, one line on standard output when it is ready, a clean stop on
 * SIGTERM, SIGINT or SIGHUP. A second signal ends the process at once; the next start then recovers as after a crash.
 */

import { readFile } from 'node:fs/promises'
import { createBroker } from '../broker/broker.js'
import { BrokerConfig, ConfigError, collectSettings, setDataDir } from '../config/index.js'
import type { CommandIo } from './command.js'
import { openLog } from './logging.js'
import { startFailure } from './start-failure.js'
import { StopSignal } from './stop-signal.js'

export interface ServeArguments {
  readonly propertiesFile?: string | undefined
  readonly port?: number | undefined
  readonly dataDir?: string | undefined
  readonly overrides?: readonly string[]
}

/** Resolves with the exit code once the broker has stopped; rejects with one clear line where it cannot start, or go on. */
export async function runServe(given: ServeArguments, io: CommandIo): Promise<number> {
  const stop = new StopSignal()
  // Whoever started the broker may be gone, and with it the other end of these; the broker serves on.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', () => {})
  try {
    const settings = await readSettings(given, io.env)
    const log = await openLog(io.stderr)
    const config = new BrokerConfig(settings)
    const { ignored } = config
    if (ignored.length > 0) log.warn(`these settings have no meaning here: ${ignored.join(', ')}`)
    const [dataDir] = config.get('log.dirs') ?? config.get('log.dir')
    const broker = await createBroker({ properties: Object.fromEntries(settings), dataDir, log }).catch(
      (error) => {
        throw startFailure(error, settings)
      },
    )
    const addresses = broker.listeners.map(({ host, port }) => address(host, port))
    io.stdout.write(`odradek ready on ${addresses.join(', ')}\n`)
    const reason = await Promise.race([stop.received, broker.failed])
    if (typeof reason === 'string') log.info(`${reason}: stopping`)
    await broker.close()
    if (reason instanceof Error) throw reason
    return 0
  } finally {
    stop.release()
  }
}

/** What a start would go by. Throws ConfigError. */
export async function readSettings(
  given: ServeArguments,
  env: NodeJS.ProcessEnv,
): Promise<Map<string, string>> {
  const { propertiesFile: path, port, dataDir, overrides } = given
  let file: { path: string; text: string } | undefined
  if (path !== undefined) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new ConfigError(
        'SYNTAX',
        `${path} cannot be read: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`,
      )
    })
    file = { path, text }
  }
  const settings = collectSettings({ file, env, overrides, port, dataDir })
  // A broker in a program keeps its data in a temporary folder unless told; a process does not.
  if (!settings.has('log.dirs') && !settings.has('log.dir')) setDataDir(settings, 'data')
  return settings
}

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
