/**
 * What a feed client was told against what the database holds: each event that its filter lets
 * through, once, in order, as it was written, and nothing of another workspace.
 */
import type { FeedFilter } from '../../web/feed-frames.ts'

/** An event as the database holds it. */
export interface TrueEvent {
  seq: number
  leadId: string
  overall: number | null
  channel: string | null
}

export interface WorkspaceTruth {
  head: number
  /** In the order of their numbers. */
  events: TrueEvent[]
  leadIds: string[]
}

export interface Applied {
  seq: number
  leadId: string
  overall: number | null
}

/** What one client knows at the end. */
export interface Seen {
  filter: FeedFilter
  /** Everything after this number was to come. */
  startedAt: number
  applied: Applied[]
  /** Batches in which newer events stood for older ones of their lead. */
  merges: { from: number; to: number; merged: number }[]
  /** Scores by lead as the snapshot told them; null: it asked for none. */
  snapshot: Map<string, number | null> | null
}

export const faults = [
  'missed',
  'appliedTwice',
  'outOfOrder',
  'foreign',
  'wrong',
  'staleLeads',
] as const
export type Tally = Record<(typeof faults)[number], number>

export function judge(seen: Seen, truth: WorkspaceTruth): Tally {
  const tally = noFaults()
  const own = new Set(truth.leadIds)
  const bySeq = new Map(truth.events.map((event) => [event.seq, event]))
  const told = new Set<number>()
  let last = seen.startedAt
  for (const { seq, leadId, overall } of seen.applied) {
    const event = bySeq.get(seq)
    if (!own.has(leadId)) tally.foreign += 1
    else if (!event || !isWanted(event, seen.filter)) tally.wrong += 1
    else if (event.leadId !== leadId || event.overall !== overall) tally.wrong += 1
    if (told.has(seq)) tally.appliedTwice += 1
    else if (seq <= last) tally.outOfOrder += 1
    told.add(seq)
    last = Math.max(last, seq)
  }
  tally.missed = missedBy(seen, truth, told)
  for (const leadId of seen.snapshot?.keys() ?? []) if (!own.has(leadId)) tally.foreign += 1
  tally.staleLeads = staleLeads(seen, truth)
  return tally
}

export const noFaults = (): Tally =>
  Object.fromEntries(faults.map((name) => [name, 0])) as unknown as Tally

function isWanted(event: TrueEvent, { leadId, channel, minOverall }: FeedFilter): boolean {
  return (
    (leadId === undefined || event.leadId === leadId) &&
    (channel === undefined || event.channel === channel) &&
    (minOverall === undefined || (event.overall ?? 0) >= minOverall)
  )
}

/** A merged batch may leave out as many events as it says, each for a later one of its lead in it. */
function missedBy({ filter, startedAt, merges }: Seen, truth: WorkspaceTruth, told: Set<number>) {
  const lacking = truth.events.filter(
    (event) => event.seq > startedAt && isWanted(event, filter) && !told.has(event.seq),
  )
  let missed = lacking.length
  for (const { from, to, merged } of merges) {
    const inBatch = ({ seq }: TrueEvent) => seq >= from && seq <= to
    const told_ = truth.events.filter((event) => inBatch(event) && told.has(event.seq))
    const stoodFor = lacking.filter(
      (event) =>
        inBatch(event) &&
        told_.some(({ leadId, seq }) => leadId === event.leadId && seq > event.seq),
    )
    if (stoodFor.length === merged) missed -= merged
  }
  return missed
}

/** Leads whose score, by the snapshot and what followed it, is not the one that they have. */
function staleLeads({ snapshot, applied, filter }: Seen, truth: WorkspaceTruth): number {
  // What a filter holds back, a snapshot cannot be kept right with.
  if (!snapshot || Object.keys(filter).length > 0) return 0
  const known = new Map(snapshot)
  for (const { leadId, overall } of applied) known.set(leadId, overall)
  const real = new Map<string, number | null>(truth.leadIds.map((id) => [id, null]))
  for (const { leadId, overall } of truth.events) real.set(leadId, overall)
  return [...real].filter(([leadId, overall]) => (known.get(leadId) ?? null) !== overall).length
}
