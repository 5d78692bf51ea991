/**
 * Hears the signals and ends the process in order. The steps are given by `main.ts`; here is only
 * the time they may take: the whole within 25 s (pm2's `kill_timeout` is set above it), a second
 * signal ends at once.
 */
import type { Log } from './log.ts'

const SHUTDOWN_MS = 25_000

export interface ShutdownOptions {
  log: Log
  stop(): Promise<void>
  exit(code: number): void
}

export function stopOnSignals({ log, stop, exit }: ShutdownOptions): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) {
      log.warn({ signal }, 'second signal: ending at once')
      exit(1)
      return
    }
    stopping = true
    log.info({ signal }, 'stopping')
    const watchdog = setTimeout(() => {
      log.error({ afterMs: SHUTDOWN_MS }, 'not stopped in time')
      exit(1)
    }, SHUTDOWN_MS)
    watchdog.unref()
    stop().then(
      () => {
        log.info('stopped')
        exit(0)
      },
      (error) => {
        log.error({ err: error }, 'stopping failed')
        exit(1)
      },
    )
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}
