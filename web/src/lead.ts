/** A lead as the dashboard holds it: a row of the API, kept up to date by score events. */
import type { ScoreEvent } from '../feed-frames.ts'

export interface LastMessage {
  direction: 'inbound' | 'outbound'
  channel: string
  text: string
  sentAt: string
}

export interface Lead {
  id: string
  state: string
  name: string | null
  company: string | null
  title: string | null
  email: string | null
  phone: string | null
  channels: string[]
  lastChannel: string | null
  sentimentTag: string
  fitScore: number | null
  intentScore: number | null
  overallScore: number | null
  scoreReasoning: string | null
  scoredAt: string | null
  scoredBy: string | null
  disqualifiedReason: string | null
  /** Made up, by a simulation or a test webhook. */
  demo: boolean
  scoringError: string | null
  scoredSeq: number
  lastActivityAt: string
  /** Undefined: there may be a newer one, which is fetched when the row is seen. */
  lastMessage: LastMessage | null | undefined
}

export interface Row extends Lead {
  /** Raised by each live change; 0: as loaded. */
  version: number
  /** Overall score before the last live change. */
  previous: number | null
}

export const scoreFilters = [
  { value: 'all', label: 'All' },
  { value: '4', label: '4' },
  { value: '3plus', label: '3+' },
  { value: '2plus', label: '2+' },
  { value: '1plus', label: '1+' },
  { value: 'unscored', label: 'Unscored' },
  { value: 'disqualified', label: 'Disqualified' },
] as const
export type ScoreFilter = (typeof scoreFilters)[number]['value']

/** As the API sorts. */
export const sortOrders = [
  { value: '-lastActivity', label: 'Newest activity' },
  { value: '-scoredAt', label: 'Newest score' },
  { value: '-score', label: 'Highest score' },
  { value: 'score', label: 'Lowest score' },
  { value: 'lastActivity', label: 'Oldest activity' },
  { value: 'name', label: 'Name' },
] as const
export type SortOrder = (typeof sortOrders)[number]['value']

export interface LeadFilter {
  score: ScoreFilter
  q: string
  channel: string
}

export const asRow = (lead: Lead): Row => ({ ...lead, version: 0, previous: null })

/** Null: the row knows this score, or a newer one, already. */
export function withEvent(row: Row, event: ScoreEvent): Row | null {
  if (event.messageSeq <= row.scoredSeq) return null
  const isDisqualified = event.model === 'disqualified'
  return {
    ...row,
    state: isDisqualified ? 'disqualified' : event.overallScore === null ? 'unscored' : 'scored',
    lastChannel: event.channel ?? row.lastChannel,
    sentimentTag: event.sentimentTag,
    fitScore: event.fitScore,
    intentScore: event.intentScore,
    overallScore: event.overallScore,
    scoreReasoning: event.scoreReasoning,
    scoredAt: event.overallScore === null ? null : event.scoredAt,
    scoredBy: event.model,
    disqualifiedReason: isDisqualified ? (event.scoreReasoning ?? 'Disqualified') : null,
    scoringError: null,
    scoredSeq: event.messageSeq,
    // A score follows what the lead did within seconds; a reload tells the exact time.
    lastActivityAt: later(event.scoredAt, row.lastActivityAt),
    lastMessage: undefined,
    version: row.version + 1,
    previous: event.previousOverallScore,
  }
}

/** What only the API tells, at an age that the row's scores may have passed already. */
export function withDetails(row: Row, lead: Lead): Row {
  const { name, company, title, email, phone, channels, demo, lastMessage } = lead
  const lastActivityAt = later(lead.lastActivityAt, row.lastActivityAt)
  const details = { name, company, title, email, phone, channels, demo, lastMessage }
  return { ...row, ...details, lastActivityAt }
}

/** ISO times compare as texts. */
const later = (a: string, b: string) => [a, b].sort()[1] as string

export function passes(lead: Lead, { score, q, channel }: LeadFilter): boolean {
  const onChannel = !channel || lead.channels.includes(channel) || lead.lastChannel === channel
  return onChannel && passesScore(lead, score) && passesSearch(lead, q)
}

/** Puts rows in the order of the list; null where only the server knows it. */
export function comparing(sort: SortOrder): ((a: Row, b: Row) => number) | null {
  const activity = (a: Row, b: Row) => (a.lastActivityAt < b.lastActivityAt ? 1 : -1)
  const scored = (row: Row) => row.scoredAt ?? ''
  switch (sort) {
    case '-lastActivity':
      return activity
    case 'lastActivity':
      return (a, b) => -activity(a, b)
    case '-scoredAt':
      return (a, b) => (scored(a) < scored(b) ? 1 : -1)
    case '-score':
      return (a, b) => (b.overallScore ?? 0) - (a.overallScore ?? 0) || activity(a, b)
    case 'score':
      return (a, b) => (a.overallScore ?? 5) - (b.overallScore ?? 5) || activity(a, b)
    case 'name':
      return null
  }
}

function passesScore({ overallScore, disqualifiedReason }: Lead, score: ScoreFilter): boolean {
  if (score === 'all') return true
  if (score === 'unscored') return overallScore === null
  if (score === 'disqualified') return disqualifiedReason !== null
  const least = Number(score[0])
  return overallScore !== null && overallScore >= least
}

function passesSearch({ name, company, email, phone }: Lead, q: string): boolean {
  const wanted = q.trim().toLowerCase()
  return (
    [name, company, email, phone].some((text) => text?.toLowerCase().includes(wanted)) || !wanted
  )
}
