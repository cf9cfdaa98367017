/**
 * The log of a program that runs in the foreground: to standard error, for people on a terminal, else one JSON object
 * a line. Written at once and without worker threads, so that a line that is logged before an exit is there.
 */

import { type Logger, type LoggerOptions, pino } from 'pino'

export async function openLog(stderr: NodeJS.WritableStream & { isTTY?: boolean }): Promise<Logger> {
  const options: LoggerOptions = {
    level: process.env.LOG_LEVEL ?? 'info',
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  if (!stderr.isTTY) return pino(options, pino.destination({ fd: 2, sync: true }))
  const { default: pretty } = await import('pino-pretty')
  return pino(
    options,
    pretty({ destination: 2, sync: true, colorize: true, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' }),
  )
}
