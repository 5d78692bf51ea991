/** The table at the end: what was answered, which leads have a score, and how long it took. */
import Table from 'cli-table3'
import { type FormatName, formatNames } from './payloads/format.ts'
import type { AnswerStatus, Sent } from './send.ts'
import type { Inbound, Settled } from './settle.ts'

export interface Row {
  name: string
  sent: number
  answers: Record<AnswerStatus, number>
  /** Leads whose newest message of this run is covered by a score. */
  scoredLeads: number
  leads: number
  p50Ms: number | null
  p95Ms: number | null
}

/** The smallest value that `share` of all values do not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

/** One row per format that sent something, then the total. */
export function reportRows({ sent, inbound }: Settled): Row[] {
  const rows = formatNames
    .map((format) => rowOf(format, sent.filter(of(format)), inbound.filter(fromOf(format))))
    .filter((row) => row.sent > 0)
  return [...rows, rowOf('total', sent, inbound)]
}

const of =
  (format: FormatName) =>
  ({ delivery }: Sent) =>
    delivery.format === format
const fromOf =
  (format: FormatName) =>
  ({ sent }: Inbound) =>
    sent.delivery.format === format

function rowOf(name: string, sent: readonly Sent[], inbound: readonly Inbound[]): Row {
  const answers: Row['answers'] = {
    accepted: 0,
    duplicate: 0,
    ignored: 0,
    rejected: 0,
    failed: 0,
    unknown: 0,
  }
  for (const { status } of sent) answers[status] += 1
  const newest = new Map<number, Inbound>()
  for (const each of inbound) {
    const { index } = each.sent.delivery.person
    const known = newest.get(index)
    if (!known || known.sent.sentAt < each.sent.sentAt) newest.set(index, each)
  }
  const times = inbound
    .map(({ scoredAfterMs }) => scoredAfterMs)
    .filter((ms) => ms !== null)
    .map(Math.round)
  return {
    name,
    sent: sent.length,
    answers,
    scoredLeads: [...newest.values()].filter(({ scoredAfterMs }) => scoredAfterMs !== null).length,
    leads: newest.size,
    p50Ms: percentile(times, 0.5),
    p95Ms: percentile(times, 0.95),
  }
}

const columns: readonly (readonly [string, AnswerStatus])[] = [
  ['accepted', 'accepted'],
  ['duplicate', 'duplicate'],
  ['ignored', 'ignored'],
  ['rejected', 'rejected'],
  ['failed', 'failed'],
  ['unknown', 'unknown'],
]
const always = new Set<AnswerStatus>(['accepted', 'duplicate', 'ignored'])

export function table(rows: readonly Row[]): string {
  const shown = columns.filter(
    ([, status]) => always.has(status) || rows.some(({ answers }) => answers[status] > 0),
  )
  const names = shown.map(([name]) => name)
  const head = ['', 'sent', ...names, 'scored', 'p50', 'p95']
  const lines = new Table({
    head,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) {
    lines.push([
      row.name,
      row.sent,
      ...shown.map(([, status]) => row.answers[status]),
      `${row.scoredLeads}/${row.leads}`,
      duration(row.p50Ms),
      duration(row.p95Ms),
    ])
  }
  return lines.toString()
}

const REASONS_MAX = 5

/** What the table cannot say, a line each. */
export function remarks({ sent, inbound }: Settled, behindMs: number): string[] {
  const lines: string[] = [
    'scored: leads whose newest message is covered by a score / leads that wrote',
    'p50, p95: from sending a message to the arrival of its first score on the feed',
  ]
  const waiting = inbound.filter(({ scoredAfterMs }) => scoredAfterMs === null).length
  if (waiting > 0) lines.push(`${waiting} of ${inbound.length} messages have no score yet`)
  if (behindMs > 1000) {
    lines.push(
      `sending fell behind the rate by up to ${duration(behindMs)}: answers came too slowly`,
    )
  }
  const bad = sent.filter(({ status }) => status === 'failed' || status === 'rejected')
  const reasons = Map.groupBy(bad, ({ status, reason }) => `${status}: ${reason ?? 'no reason'}`)
  for (const [reason, same] of [...reasons].slice(0, REASONS_MAX)) {
    const names = new Set(same.map(({ delivery }) => delivery.format))
    lines.push(`${same.length} × ${reason} (${[...names].join(', ')})`)
  }
  if (reasons.size > REASONS_MAX) lines.push(`and ${reasons.size - REASONS_MAX} other reasons`)
  return lines
}

function duration(ms: number | null): string {
  if (ms === null) return '–'
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
