/** Words for what the API says in codes. */

export const channelNames: Record<string, string> = {
  email: 'Email',
  sms: 'SMS',
  linkedin: 'LinkedIn',
  smartlead: 'SmartLead',
  instantly: 'Instantly',
}

export function channelName(channel: string | null): string {
  return channel ? (channelNames[channel] ?? channel) : '-'
}

export const scoreWords = {
  overall: ['Cold', 'Cool', 'Warm', 'Hot'],
  fit: ['No fit', 'Unclear', 'Good', 'Ideal'],
  intent: ['None', 'Low', 'Some', 'High'],
} as const
export type Axis = keyof typeof scoreWords

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' })
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

export function ago(iso: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000))
  if (seconds < 45) return 'just now'
  if (seconds < 3600) return relative.format(-Math.max(1, Math.round(seconds / 60)), 'minute')
  if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), 'hour')
  return relative.format(-Math.round(seconds / 86_400), 'day')
}

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
export const onDay = (iso: string) => day.format(new Date(iso))

export const exactly = (iso: string) => absolute.format(new Date(iso))

export const plural = (count: number, one: string, many = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`
