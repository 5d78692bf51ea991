/**
 * The one checker: compares the history of what was sent and acknowledged with what the database
 * holds once everything has settled, and looks for what must never be there.
 */
import type { History } from './history.ts'
import type { Reader } from './place.ts'

export interface Verdict {
  /** Acknowledged, but not stored. */
  lost: number
  /** Messages, leads or scores that are there twice. */
  duplicated: number
  /** Scores older than what stood already, or that saw fewer messages than they claim to cover. */
  stale: number
  /** Leads with messages that no score covers and no visible error explains. */
  unscored: number
  parked: number
  events: number
  /** Jobs that used up their attempts. */
  deadLettered: number
  /** One line per finding of any kind. */
  findings: string[]
}

interface LeadRow {
  id: string
  emails: string[] | null
  inbound: number
  message_seq: string
  scored_seq: string
  overall_score: number | null
  fit_score: number | null
  intent_score: number | null
  scoring_error: string | null
  parked_at: unknown
}

interface EventRow {
  lead_id: string
  seq: string
  message_seq: string
  fit_score: number | null
  intent_score: number | null
  overall_score: number | null
  reasoning: string | null
}

/** The service shows the model at most this many messages. */
const TRANSCRIPT_MAX = 60

export async function check(reader: Reader, history: History): Promise<Verdict> {
  const findings: string[] = []
  const leads = await reader.query<LeadRow>(leadsSql)
  const events = await reader.query<EventRow>(eventsSql)
  const [lost, twice] = await checkMessages(reader, history, findings)
  const doubled = twice + doubledLeads(leads, findings) + doubledScores(events, findings)
  const stale = staleScores(events, leads, findings)
  const unscored = leads.filter((lead) => !isSettled(lead))
  for (const lead of unscored) {
    const error = lead.scoring_error ?? 'no error'
    findings.push(
      `unscored: lead ${lead.id} at ${lead.scored_seq} of ${lead.message_seq}, overall ${lead.overall_score}, ${error}`,
    )
  }
  await checkFeed(reader, findings)
  const [dead] = await reader.query<{ count: number }>(
    `select count(*)::int as count from pgboss.job where name = 'LEADPULSE_DEAD_LETTER'`,
  )
  return {
    lost,
    duplicated: doubled,
    stale,
    unscored: unscored.length,
    parked: leads.filter(({ parked_at }) => parked_at !== null).length,
    events: events.length,
    deadLettered: dead?.count ?? 0,
    findings,
  }
}

const leadsSql = `
  select lead.id, lead.message_seq::text, lead.scored_seq::text, overall_score, fit_score,
    intent_score, scoring_error, parked_at,
    (select array_agg(value) from lead_identity
     where lead_id = lead.id and kind = 'email')::text[] as emails,
    (select count(*) from message where lead_id = lead.id and direction = 'inbound')::int as inbound
  from lead
`
const eventsSql = `
  select lead_id, seq::text, message_seq::text, fit_score, intent_score, overall_score, reasoning
  from score_event order by workspace_id, score_event.seq
`

async function checkMessages(
  reader: Reader,
  history: History,
  findings: string[],
): Promise<[lost: number, duplicated: number]> {
  const stored = await reader.query<{ id: string; count: number }>(
    'select external_id as id, count(*)::int as count from message group by external_id',
  )
  const counts = new Map(stored.map(({ id, count }) => [id, count]))
  const lost = [...history.acked.keys()].filter((id) => !counts.has(id))
  for (const id of lost) findings.push(`lost: ${id} was answered 200 and is not stored`)
  let duplicated = 0
  for (const [id, count] of counts) {
    if (count === 1 && history.letters.has(id)) continue
    duplicated += 1
    findings.push(`duplicated: message ${id} is stored ${count} times`)
  }
  for (const [id, count] of history.accepted) {
    if (count === 1) continue
    duplicated += 1
    findings.push(`duplicated: ${id} was answered "accepted" ${count} times`)
  }
  return [lost.length, duplicated]
}

function doubledLeads(leads: LeadRow[], findings: string[]): number {
  const owners = Map.groupBy(
    leads.flatMap(({ id, emails }) => (emails ?? ['none']).map((email) => ({ id, email }))),
    ({ email }) => email,
  )
  const doubled = [...owners].filter(([email, same]) => email === 'none' || same.length > 1)
  for (const [email, same] of doubled) findings.push(`duplicated: ${same.length} leads of ${email}`)
  return doubled.length
}

function doubledScores(events: EventRow[], findings: string[]): number {
  const covered = Map.groupBy(events, (event) => `${event.lead_id} at ${event.message_seq}`)
  const doubled = [...covered].filter(([, same]) => same.length > 1)
  for (const [what, same] of doubled) {
    findings.push(`duplicated: ${same.length} scores of lead ${what}`)
  }
  return doubled.length
}

function staleScores(events: EventRow[], leads: LeadRow[], findings: string[]): number {
  const newest = new Map<string, EventRow>()
  let stale = 0
  const found = (text: string) => {
    stale += 1
    findings.push(`stale: ${text}`)
  }
  for (const event of events) {
    const before = newest.get(event.lead_id)
    if (before && Number(before.message_seq) >= Number(event.message_seq)) {
      found(`lead ${event.lead_id}: ${event.message_seq} came after ${before.message_seq}`)
    }
    newest.set(event.lead_id, event)
    // The fake model says how many messages it was shown.
    const saw = Number(/^Saw (\d+) messages/.exec(event.reasoning ?? '')?.[1])
    const wanted = Math.min(Number(event.message_seq), TRANSCRIPT_MAX)
    if (!Number.isNaN(saw) && saw !== wanted) {
      found(`lead ${event.lead_id}: the score at ${event.message_seq} saw ${saw} messages`)
    }
  }
  for (const lead of leads) {
    const last = newest.get(lead.id)
    if (Number(lead.message_seq) < lead.inbound) {
      found(`lead ${lead.id}: ${lead.inbound} messages, message_seq ${lead.message_seq}`)
    }
    const same = (['overall_score', 'fit_score', 'intent_score'] as const).every(
      (name) => lead[name] === (last?.[name] ?? null),
    )
    if (!same) found(`lead ${lead.id}: its scores are not those of its newest event`)
  }
  return stale
}

/** Scored up to its newest message, or parked with a reason that people can see. */
function isSettled(lead: LeadRow): boolean {
  const covered = lead.message_seq === lead.scored_seq
  if (lead.parked_at !== null) return lead.scoring_error !== null
  return covered && (lead.inbound === 0 || lead.overall_score !== null)
}

async function checkFeed(reader: Reader, findings: string[]): Promise<void> {
  const workspaces = await reader.query<Record<'id' | 'feed' | 'count' | 'first' | 'last', string>>(
    `select workspace.id, feed_seq::text as feed, count(score_event.seq)::text as count,
       coalesce(min(score_event.seq), 1)::text as first,
       coalesce(max(score_event.seq), 0)::text as last
     from workspace left join score_event on workspace_id = workspace.id group by workspace.id`,
  )
  for (const { id, feed, count, first, last } of workspaces) {
    if (first === '1' && last === count && feed === last) continue
    findings.push(`feed: workspace ${id} counts ${feed}, holds ${count} events ${first} to ${last}`)
  }
}
