import { ConfigError } from './config.ts'

/** A start that cannot go on for a reason a person can mend: printed as one line, exit code 1. */
export class StartupError extends Error {
  override name = 'StartupError'
}

/** One clear line per cause that a person can mend; anything else is a bug and keeps its stack. */
export function complain(error: unknown): void {
  const lines =
    error instanceof ConfigError
      ? error.lines
      : [error instanceof StartupError ? error.message : ((error as Error)?.stack ?? String(error))]
  process.stderr.write(`${lines.map((line) => `leadpulse: ${line}`).join('\n')}\n`)
}
