/**
 * The feed as it lies in the database: score events read by their number, a workspace's position,
 * and snapshots of its leads. Guarantees: a page and its position come from one snapshot, so every
 * event up to the page's `to` is either in it, was erased with its lead, or is older than `oldest`.
 */
import type { FeedPosition, ScoreEvent, SnapshotLead } from './feed-protocol.ts'
import { type Sql, type Store, toDate, toDateOrNull } from './sql.ts'

export interface FeedPage {
  epoch: string
  /** Number of the newest event; the page may end before it. */
  head: number
  /** Lowest number that is still kept; `head + 1` when none is. */
  oldest: number
  /** Everything after `from - 1` and up to `to` is in `events`. */
  from: number
  to: number
  events: ScoreEvent[]
  /** How many people had been erased when this was read. */
  erasures: number
}

/** Where a workspace's feed stands, and how many people have been erased from it. */
export interface FeedState extends FeedPosition {
  erasures: number
}

export interface Snapshot {
  position: FeedPosition
  leads: SnapshotLead[]
  /** Pass as `after` for the next page; null: this was the last. */
  next: string | null
}

/** Null: no such workspace. */
export async function readFeed(
  sql: Sql,
  { workspaceId, afterSeq, limit }: { workspaceId: string; afterSeq: number; limit: number },
): Promise<FeedPage | null> {
  const rows = await sql.query<EventRow & PositionRow & { oldest: number | string | null }>(
    readFeedSql,
    [workspaceId, afterSeq, limit],
  )
  const [first] = rows
  if (!first) return null
  const head = Number(first.head)
  const events = rows.filter(({ seq }) => seq !== null).map(eventOf)
  const to = events.length < limit ? head : Number(events.at(-1)?.seq)
  return {
    epoch: first.epoch,
    head,
    oldest: first.oldest === null ? head + 1 : Number(first.oldest),
    from: afterSeq + 1,
    to: Math.max(to, afterSeq),
    events,
    erasures: Number(first.erasures),
  }
}

/** Null: no such workspace. */
export async function feedPosition(sql: Sql, workspaceId: string): Promise<FeedPosition | null> {
  const state = (await feedStates(sql, [workspaceId])).get(workspaceId)
  return state ? { epoch: state.epoch, seq: state.seq } : null
}

/**
 * After a backup was restored: its numbering would give numbers that clients have seen to other
 * scores, so every client starts over. Answers how many workspaces there are.
 */
export async function newFeedEpochs(sql: Sql): Promise<number> {
  const rows = await sql.query('update workspace set feed_epoch = gen_random_uuid() returning id')
  return rows.length
}

/** Workspaces that do not exist (any more) are left out. */
export async function feedStates(
  sql: Sql,
  workspaceIds: string[],
): Promise<Map<string, FeedState>> {
  const rows = await sql.query<PositionRow & { id: string }>(
    `select id, feed_epoch as epoch, feed_seq as head, erasures from workspace
     where id = any($1::uuid[])`,
    [workspaceIds],
  )
  return new Map(
    rows.map(({ id, epoch, head, erasures }) => [
      id,
      { epoch, seq: Number(head), erasures: Number(erasures) },
    ]),
  )
}

/**
 * One page of a workspace's leads, and the position it belongs to. A client that starts at the
 * position of the first page misses nothing: rows of later pages may only be newer, and the event
 * that says the same follows. Null: no such workspace.
 */
export async function readSnapshot(
  store: Store,
  what: { workspaceId: string; limit: number; after?: string | null },
): Promise<Snapshot | null> {
  const { workspaceId, limit, after = null } = what
  return store.transaction(
    async (tx) => {
      const position = await feedPosition(tx, workspaceId)
      if (!position) return null
      const rows = await tx.query<SnapshotRow>(snapshotSql, [workspaceId, after, limit])
      const leads = rows.map(snapshotLeadOf)
      return { position, leads, next: rows.length < limit ? null : (leads.at(-1)?.id ?? null) }
    },
    { snapshot: true },
  )
}

/** Of these token ids, the ones that are not revoked. */
export async function livingTokens(sql: Sql, tokenIds: string[]): Promise<Set<string>> {
  const rows = await sql.query<{ id: string }>(
    'select id from api_token where id = any($1::uuid[])',
    [tokenIds],
  )
  return new Set(rows.map(({ id }) => id))
}

interface PositionRow {
  epoch: string
  head: number | string
  erasures: number | string
}

type EventRow = Omit<ScoreEvent, 'seq' | 'scoredAt' | 'messageSeq'> & {
  seq: number | string | null
  scoredAt: unknown
  messageSeq: number | string
}

type SnapshotRow = Omit<SnapshotLead, 'scoredAt' | 'lastActivityAt' | 'messageSeq'> & {
  scoredAt: unknown
  lastActivityAt: unknown
  messageSeq: number | string
}

/** What people know somebody by, when the name is not known. */
const leadNameSql = `coalesce(
  nullif(trim(concat_ws(' ', lead.first_name, lead.last_name)), ''),
  (select identity.value from lead_identity as identity
   where identity.lead_id = lead.id and identity.kind in ('email', 'phone', 'linkedin')
   order by array_position(array['email', 'phone', 'linkedin'], identity.kind), identity.value
   limit 1),
  'Unknown')`

/** One statement, hence one snapshot: a head of another moment could hide or promise events. */
const readFeedSql = `
  select workspace.feed_epoch as epoch, workspace.feed_seq as head,
    workspace.erasures,
    (select min(kept.seq) from score_event as kept where kept.workspace_id = workspace.id) as oldest,
    event.seq, event.lead_id as "leadId", event."leadName", event.channel,
    event.fit_score as "fitScore", event.intent_score as "intentScore",
    event.overall_score as "overallScore", event.previous_overall_score as "previousOverallScore",
    event.reasoning as "scoreReasoning", event.sentiment_tag as "sentimentTag",
    event.scored_at as "scoredAt", event.model, event.provisional,
    event.message_seq as "messageSeq"
  from workspace
  left join lateral (
    select score_event.*, ${leadNameSql} as "leadName"
    from score_event join lead on lead.id = score_event.lead_id
    where score_event.workspace_id = workspace.id and score_event.seq > $2::bigint
    order by score_event.seq
    limit $3::int
  ) as event on true
  where workspace.id = $1::uuid
  order by event.seq`

const snapshotSql = `
  select lead.id, ${leadNameSql} as name, lead.company, lead.title,
    lead.last_channel as channel, lead.sentiment_tag as "sentimentTag",
    lead.fit_score as "fitScore", lead.intent_score as "intentScore",
    lead.overall_score as "overallScore", lead.score_reasoning as "scoreReasoning",
    lead.scored_at as "scoredAt", lead.scored_by as "scoredBy", lead.provisional,
    lead.disqualified_reason as "disqualifiedReason",
    lead.last_activity_at as "lastActivityAt", lead.scored_seq as "messageSeq"
  from lead
  where lead.workspace_id = $1::uuid and ($2::uuid is null or lead.id > $2::uuid)
  order by lead.id
  limit $3::int`

function eventOf(row: EventRow): ScoreEvent {
  return {
    seq: Number(row.seq),
    leadId: row.leadId,
    leadName: row.leadName,
    channel: row.channel,
    fitScore: row.fitScore,
    intentScore: row.intentScore,
    overallScore: row.overallScore,
    previousOverallScore: row.previousOverallScore,
    scoreReasoning: row.scoreReasoning,
    sentimentTag: row.sentimentTag,
    scoredAt: toDate(row.scoredAt).toISOString(),
    model: row.model,
    provisional: row.provisional,
    messageSeq: Number(row.messageSeq),
  }
}

function snapshotLeadOf(row: SnapshotRow): SnapshotLead {
  return {
    ...row,
    scoredAt: toDateOrNull(row.scoredAt)?.toISOString() ?? null,
    lastActivityAt: toDate(row.lastActivityAt).toISOString(),
    messageSeq: Number(row.messageSeq),
  }
}
