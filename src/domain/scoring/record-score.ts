/**
 * Writing a score: the lead, its history, the accounting and the feed event in the caller's one
 * transaction. Monotone: a score never lands on one that covers as much or more.
 */
import { recordAiCalls } from '../ai/record-calls.ts'
import type { Sql, Tx } from '../sql.ts'
import type { Interaction, Scores } from './score.ts'

export const SCORING_SOURCE = 'background-job/lead-scoring-post-process'
export const SCORING_FEATURE = 'lead_scoring.score'

export interface ScoreToRecord {
  workspaceId: string
  leadId: string
  /** message_seq that the score covers. */
  seen: number
  /** Null scores: the lead is not (or no longer) scorable and goes back to unscored. */
  scores: Scores | null
  model: string
  promptVersion: string
  provisional?: boolean | undefined
  /** When its snapshot was read. */
  beganAt?: Date | undefined
}

/**
 * Answers the event's number in the workspace's feed, or null when nothing was written: the lead is
 * gone, a newer score stands, or an unscored lead stays unscored.
 *
 * Its last statement raises the workspace's counter; do nothing after it but commit, since the
 * counter's row stays locked until then and every score of the workspace queues behind it.
 */
export async function recordScore(tx: Tx, score: ScoreToRecord): Promise<number | null> {
  const [before] = await tx.query<{ overall: number | null; fit: number | null }>(
    `select overall_score as overall, fit_score as fit from lead
     where id = $1 and workspace_id = $2 and scored_seq < $3
     for no key update`,
    [score.leadId, score.workspaceId, score.seen],
  )
  if (!before) return null
  const { scores } = score
  await tx.query(
    `update lead set fit_score = $2::smallint, intent_score = $3::smallint,
       overall_score = $4::smallint, score_reasoning = $5, scored_by = $6,
       scored_at = case when $4::smallint is null then null else now() end,
       provisional = $8, scored_seq = greatest(scored_seq, $7::bigint), scoring_error = null, scoring_failed_at = null,
       parked_at = null, updated_at = now()
     where id = $1`,
    [
      score.leadId,
      scores?.fitScore ?? null,
      scores?.intentScore ?? null,
      scores?.overallScore ?? null,
      scores?.reasoning ?? null,
      scores ? score.model : null,
      score.seen,
      score.provisional ?? false,
    ],
  )
  if (!scores && before.overall === null) return null
  const [event] = await tx.query<{ seq: number | string }>(
    `with counter as (
       update workspace set feed_seq = feed_seq + 1 where id = $1 returning feed_seq
     )
     insert into score_event (workspace_id, seq, lead_id, fit_score, intent_score, overall_score,
       previous_overall_score, reasoning, model, prompt_version, message_seq, channel,
       sentiment_tag, provisional, began_at)
     select $1, counter.feed_seq, lead.id, lead.fit_score, lead.intent_score, lead.overall_score,
       $3::smallint, lead.score_reasoning, $4, $5, $6::bigint, lead.last_channel,
       lead.sentiment_tag, lead.provisional, $7::timestamptz
     from counter, lead where lead.id = $2
     returning seq`,
    [
      score.workspaceId,
      score.leadId,
      before.overall,
      score.model,
      score.promptVersion,
      score.seen,
      score.beganAt ?? null,
    ],
  )
  return event ? Number(event.seq) : null
}

/** One row per LLM call, failed ones too. */
export function recordInteractions(
  sql: Sql,
  lead: { workspaceId: string; leadId: string },
  interactions: Interaction[],
): Promise<void> {
  const { workspaceId, leadId } = lead
  const calls = { workspaceId, leadId, source: SCORING_SOURCE, featureId: SCORING_FEATURE }
  return recordAiCalls(sql, calls, interactions)
}

/** Shows on the lead that a message of it was given up, whatever its score covers. */
export async function parkLead(sql: Sql, leadId: string, reason: string): Promise<void> {
  await sql.query(
    `update lead set scoring_error = $2, scoring_failed_at = now(), parked_at = now()
     where id = $1`,
    [leadId, reason.slice(0, 500)],
  )
}

/** Makes a failed attempt visible on the lead; `parked`: nobody tries again by itself. */
export async function recordFailure(
  sql: Sql,
  leadId: string,
  failure: { reason: string; parked: boolean },
): Promise<void> {
  await sql.query(
    `update lead set scoring_error = $2, scoring_failed_at = now(),
       parked_at = case when $3::boolean then now() else parked_at end
     where id = $1 and message_seq > scored_seq`,
    [leadId, failure.reason.slice(0, 500), failure.parked],
  )
}
