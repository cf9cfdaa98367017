/**
 * The log of a program that runs in the foreground: to standard error, for people on a terminal, else one JSON object
 * a line.
 */

import { type Logger, type LoggerOptions, pino } from 'pino'
import { LogOutput } from './log-output.js'

export async function openLog(stderr: NodeJS.WritableStream & { isTTY?: boolean }): Promise<Logger> {
  const options: LoggerOptions = {
    level: process.env.LOG_LEVEL ?? 'info',
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  const output = new LogOutput()
  if (!stderr.isTTY) return pino(options, output)
  const { prettyFactory } = await import('pino-pretty')
  const pretty = prettyFactory({ colorize: true, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' })
  return pino(options, { write: (line) => output.write(pretty(line) ?? line) })
}
