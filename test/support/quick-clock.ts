/** A clock whose waits are over at once and pass the time they were for. */
import type { Clock } from '../../src/actors/gate.ts'

export function quickClock(): Clock & { waits: number[] } {
  let now = 0
  const waits: number[] = []
  return {
    waits,
    now: () => now,
    after(ms, run) {
      waits.push(ms)
      const timer = setImmediate(() => {
        now += ms
        run()
      })
      return () => clearImmediate(timer)
    },
  }
}
