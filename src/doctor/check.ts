/** One thing that the doctor looked at. */
export interface Check {
  name: string
  state: 'ok' | 'warning' | 'broken'
  says: string
  /** What a person does about it. */
  fix?: string
}

/** Positive: ours is ahead. */
export function clockCheck(
  name: string,
  seconds: number,
  limits: { warning: number; broken: number },
): Check {
  const off = Math.abs(seconds)
  const says = `${off.toFixed(1)} s ${seconds < 0 ? 'behind' : 'ahead'}`
  if (off < limits.warning) return { name, state: 'ok', says }
  const state = off < limits.broken ? 'warning' : 'broken'
  return { name, state, says, fix: 'Set the clocks by NTP (timedatectl set-ntp true)' }
}
