/** Waits for a state that only the database shows; fails with what it last saw. */
import { setTimeout as delay } from 'node:timers/promises'

export async function until<T>(
  look: () => Promise<T>,
  isThere: (seen: T) => boolean,
  limitMs = 45_000,
): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const seen = await look()
    if (isThere(seen)) return seen
    if (Date.now() > deadline) throw new Error(`never came: ${JSON.stringify(seen)}`)
    await delay(10)
  }
}
