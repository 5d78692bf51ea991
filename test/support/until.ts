/** Waits for a state that only the database shows; fails with what it last saw. */
import { setTimeout as delay } from 'node:timers/promises'

/** Of the time between two looks: while a machine stands still, nothing that is waited for goes on. */
const COUNTED_MAX_MS = 1000

export async function until<T>(
  look: () => Promise<T>,
  isThere: (seen: T) => boolean,
  limitMs = 45_000,
): Promise<T> {
  let leftMs = limitMs
  for (let at = performance.now(); ; ) {
    const seen = await look()
    if (isThere(seen)) return seen
    const now = performance.now()
    leftMs -= Math.min(now - at, COUNTED_MAX_MS)
    at = now
    if (leftMs < 0) throw new Error(`never came: ${JSON.stringify(seen)}`)
    await delay(10)
  }
}
