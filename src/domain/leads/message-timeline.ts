/**
 * The way of one message: received → stored → picked up → post-processed → scoring → scored, with the
 * time that each part took. Times are null where it has not come so far, or for rows of before they
 * were kept.
 */
import type { Channel } from '../channels/inbound-event.ts'
import { type StepName, stepNames } from '../post-process/step.ts'
import { type Sql, toDate, toDateOrNull } from '../sql.ts'

/** `scoring`: quiet window and queue are over, lead and conversation were read. */
export const stageNames = [
  'received',
  'stored',
  'picked_up',
  'post_processed',
  'scoring',
  'scored',
] as const
export type StageName = (typeof stageNames)[number]

export interface Stage {
  stage: StageName
  at: Date | null
  /** Since the stage before it whose time is known. */
  tookMs: number | null
}

export interface MessageTimeline {
  messageId: string
  leadId: string
  leadName: string | null
  channel: Channel
  direction: 'inbound' | 'outbound'
  sentAt: Date
  stages: Stage[]
  /** From received to scored; null: not there yet. */
  totalMs: number | null
  steps: { step: StepName; state: 'done' | 'failed'; error: string | null; at: Date }[]
  /** The first score that covers it. */
  score: { seq: number; overallScore: number | null; model: string } | null
  /** Covered, but no score tells of it: there was nothing to score, or it is too old. */
  coveredWithoutScore: boolean
  /** Why the last attempt to score failed, while no score covers it. */
  scoringError: string | null
}

interface TimelineRow extends Omit<MessageTimeline, 'stages' | 'totalMs' | 'steps' | 'score'> {
  receivedAt: unknown
  storedAt: unknown
  pickedUpAt: unknown
  postProcessedAt: unknown
  beganAt: unknown
  scoredAt: unknown
  scoreSeq: number | string | null
  overallScore: number | null
  model: string | null
}

/** Null: unknown in this workspace. */
export async function readTimeline(
  sql: Sql,
  { workspaceId, messageId }: { workspaceId: string; messageId: string },
): Promise<MessageTimeline | null> {
  const [row] = await sql.query<TimelineRow>(timelineSql, [messageId, workspaceId])
  if (!row) return null
  const steps = await sql.query<MessageTimeline['steps'][number]>(
    'select step, state, error, at from message_step where message_id = $1::uuid',
    [messageId],
  )
  const stages = stagesOf({
    received: toDateOrNull(row.receivedAt),
    stored: toDateOrNull(row.storedAt),
    picked_up: toDateOrNull(row.pickedUpAt),
    post_processed: toDateOrNull(row.postProcessedAt),
    scoring: toDateOrNull(row.beganAt),
    scored: toDateOrNull(row.scoredAt),
  })
  return {
    messageId: row.messageId,
    leadId: row.leadId,
    leadName: row.leadName,
    channel: row.channel,
    direction: row.direction,
    sentAt: toDate(row.sentAt),
    stages,
    totalMs: between(stages.at(0)?.at ?? null, stages.at(-1)?.at ?? null),
    // Those that share a transaction share its time.
    steps: steps
      .map((step) => ({ ...step, at: toDate(step.at) }))
      .sort(
        (a, b) =>
          a.at.getTime() - b.at.getTime() || stepNames.indexOf(a.step) - stepNames.indexOf(b.step),
      ),
    score:
      row.model === null
        ? null
        : { seq: Number(row.scoreSeq), overallScore: row.overallScore, model: row.model },
    coveredWithoutScore: row.coveredWithoutScore,
    scoringError: row.scoringError,
  }
}

const timelineSql = `
  select message.id as "messageId", message.lead_id as "leadId",
    nullif(btrim(concat_ws(' ', lead.first_name, lead.last_name)), '') as "leadName",
    message.channel, message.direction, message.sent_at as "sentAt",
    message.received_at as "receivedAt", message.stored_at as "storedAt",
    message.picked_up_at as "pickedUpAt", message.post_processed_at as "postProcessedAt",
    event.began_at as "beganAt", event.scored_at as "scoredAt", event.seq as "scoreSeq",
    event.overall_score as "overallScore", event.model,
    event.seq is null and message.seq is not null and lead.scored_seq >= message.seq
      as "coveredWithoutScore",
    case when lead.scored_seq < message.seq then lead.scoring_error end as "scoringError"
  from message
  join lead on lead.id = message.lead_id
  left join lateral (
    select began_at, scored_at, seq, overall_score, model from score_event
    where score_event.lead_id = message.lead_id and score_event.message_seq >= message.seq
    order by score_event.message_seq
    limit 1
  ) as event on true
  where message.id = $1::uuid and message.workspace_id = $2::uuid`

export function stagesOf(times: Record<StageName, Date | null>): Stage[] {
  let before: Date | null = null
  return stageNames.map((stage) => {
    const at = times[stage]
    const tookMs = between(before, at)
    before = at ?? before
    return { stage, at, tookMs }
  })
}

/** Clocks of several machines are never quite one: no time is less than none. */
const between = (from: Date | null, to: Date | null): number | null =>
  from && to ? Math.max(0, to.getTime() - from.getTime()) : null
