/** A permit of the gate for whoever can wait only so long: a message in hand, or a person at a page. */
import type { CallOutcome } from './call-pace.ts'
import type { Gate, Permit } from './gate.ts'

/** About the time of one call. */
export const PERMIT_WAIT_MS = 5000
/** Sorts before every score of its workspace, whose `since` is a time. */
const FIRST = 0

/**
 * Runs `call` with a permit and gives it back with what the call showed; null: none was to be had in
 * time, or `signal` came first, and nothing was called.
 */
export async function withPermit<Result>(
  gate: Gate,
  workspaceId: string,
  signal: AbortSignal,
  work: { call(): Promise<Result>; outcomeOf(result: Result): CallOutcome },
): Promise<Result | null> {
  if (gate.meters().pausedMs > PERMIT_WAIT_MS) return null
  const asked = Promise.withResolvers<boolean>()
  const permit: Permit = gate.acquire({ workspaceId, since: FIRST }, () => asked.resolve(true))
  const timer = setTimeout(() => asked.resolve(false), PERMIT_WAIT_MS)
  const stop = () => asked.resolve(false)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    if (!(await asked.promise)) return null
    const result = await work.call()
    permit.release(work.outcomeOf(result))
    return result
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    permit.release()
  }
}
