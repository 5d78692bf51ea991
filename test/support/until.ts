/** Waits for a state that only the database shows; fails with what it last saw. */
import { setTimeout as delay } from 'node:timers/promises'

/** Between two looks. More is not counted: while a machine stands still, nothing that is waited for goes on. */
const PAUSE_MS = 10

export async function until<T>(
  look: () => Promise<T>,
  isThere: (seen: T) => boolean,
  limitMs = 45_000,
): Promise<T> {
  let leftMs = limitMs
  for (;;) {
    const at = performance.now()
    const seen = await look()
    if (isThere(seen)) return seen
    leftMs -= performance.now() - at + PAUSE_MS
    if (leftMs < 0) throw new Error(`never came: ${JSON.stringify(seen)}`)
    await delay(PAUSE_MS)
  }
}
