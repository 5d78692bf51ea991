/** The accounting of LLM calls: one `ai_interaction` row for each, failed ones too. */
import { v7 as uuidv7 } from 'uuid'
import type { Interaction } from '../scoring/score.ts'
import type { Sql } from '../sql.ts'

export interface AiCallsOf {
  workspaceId: string
  leadId: string
  /** `background-job/<job-type-in-kebab-case>`, or `dashboard/settings-preview`. */
  source: string
  /** e.g. `lead_scoring.score`. */
  featureId: string
}

/** The lead of a call may be erased meanwhile: the row then stands without it, as it is billed. */
export async function recordAiCalls(
  sql: Sql,
  { workspaceId, leadId, source, featureId }: AiCallsOf,
  interactions: Interaction[],
): Promise<void> {
  if (interactions.length === 0) return
  await sql.query(
    `insert into ai_interaction (id, workspace_id, lead_id, source, feature_id, prompt_version,
       requested_model, model, outcome, input_tokens, cached_tokens, output_tokens,
       reasoning_tokens, cost_usd, latency_ms, request_id, error)
     select call.id, $1, (select lead.id from lead where lead.id = $2), $3, $4,
       call."promptVersion", call."requestedModel", call.model, call.outcome, call."inputTokens",
       call."cachedTokens", call."outputTokens", call."reasoningTokens", call."costUsd",
       round(call."latencyMs"), call."requestId", call.error
     from jsonb_to_recordset($5::jsonb) as call (id uuid, "promptVersion" text,
       "requestedModel" text, model text, outcome text, "inputTokens" int, "cachedTokens" int,
       "outputTokens" int, "reasoningTokens" int, "costUsd" numeric, "latencyMs" float8,
       "requestId" text, error text)`,
    [
      workspaceId,
      leadId,
      source,
      featureId,
      JSON.stringify(interactions.map((call) => ({ id: uuidv7(), ...call }))),
    ],
  )
}
