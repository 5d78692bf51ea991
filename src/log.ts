/** The process's logger: JSON lines, or readable ones where a person watches a terminal. */
import { type DestinationStream, type Logger, pino } from 'pino'
import { build as prettyStream } from 'pino-pretty'
import { codeOf } from './domain/sql.ts'

export type Log = Logger

/**
 * No message text, token or secret may reach a log line; what could carry one is redacted by path.
 * `pretty` runs in this process, not in a worker thread: a crash line must not be lost.
 */
export function openLog(options: {
  level: string
  pretty: boolean
  destination?: DestinationStream
}): Log {
  const settings = {
    level: options.level,
    base: null,
    serializers: { err: describeError },
    redact: {
      paths: ['token', '*.token', 'authorization', '*.authorization', 'apiKey', '*.apiKey', 'body'],
      censor: '[redacted]',
    },
  }
  if (options.destination) return pino(settings, options.destination)
  if (!options.pretty) return pino(settings)
  return pino(
    settings,
    prettyStream({ colorize: true, translateTime: 'HH:MM:ss', ignore: 'pid,hostname', sync: true }),
  )
}

/**
 * One line per failure, with the ids it is about. A database error is named by its code: its message
 * may quote values.
 */
export function warnOf(
  log: Log,
  what: string,
  ids: Record<string, string> = {},
): (error: unknown) => void {
  return (error) => {
    const code = codeOf(error)
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    log.warn({ ...ids, code, error: name }, `${what}: ${code ?? message.split('\n')[0]}`)
  }
}

/** Only these members: a database error also carries the statement's parameters, message text among them. */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack } = error
  const code = (error as { code?: unknown }).code
  return { type: name, ...(code !== undefined && { code }), message, stack }
}
