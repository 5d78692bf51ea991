/** A hard limit on how long a question may take, whether or not what it waits for minds a signal. */
import { type Failure, failure, outage } from './openai-failure.ts'

export interface TimeLimit {
  signal: AbortSignal
  /** Settles with the work or at the limit, whether or not the work minds the signal. */
  race<T>(work: Promise<T>): Promise<T>
  /** Why the limit ended the work; null while it has not. */
  failure(): Failure | null
  close(): void
}

/** A timer that is cleared, not AbortSignal.timeout: thousands of quick calls would leave theirs. */
export function timeLimit(caller: AbortSignal, timeoutMs: number): TimeLimit {
  const expiry = new AbortController()
  const timer = setTimeout(() => expiry.abort(), timeoutMs)
  const signal = AbortSignal.any([caller, expiry.signal])
  return {
    signal,
    race: (work) =>
      new Promise((resolve, reject) => {
        const end = () => reject(signal.reason)
        signal.addEventListener('abort', end, { once: true })
        if (signal.aborted) end()
        work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
      }),
    failure: () => {
      if (caller.aborted) return failure('error', 'aborted', { cause: 'aborted' })
      return expiry.signal.aborted ? outage('timeout', `no answer in ${timeoutMs} ms`) : null
    },
    close: () => clearTimeout(timer),
  }
}
