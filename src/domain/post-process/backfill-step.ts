/**
 * Step `transcript_backfill`: messages of our side that no webhook told us of, from the provider's
 * API. Rows it adds move the lead's message_seq, once, because a score reads them; they never count
 * as inbound and start no job.
 */
import { v7 as uuidv7 } from 'uuid'
import type { Tx } from '../sql.ts'
import { type Outside, OutsideError, type SentMessage } from './outside.ts'
import type { CallResult, Step } from './step.ts'
import type { StepMessage } from './step-message.ts'

export const backfillStep: Step = {
  name: 'transcript_backfill',
  plan(message, { outside }) {
    if (message.kind !== 'text') return { skip: 'nothing to score' }
    if (!message.sealedApiKey || !outside.transcripts[message.provider]) {
      return { skip: 'no API key' }
    }
    if (message.hasSuccessor) return { skip: 'left to the next message' }
    return { call: (signal) => backfill(message, outside, signal) }
  },
}

async function backfill(
  message: StepMessage,
  outside: Outside,
  signal: AbortSignal,
): Promise<CallResult> {
  const account = { apiKey: apiKeyOf(message, outside), baseUrl: message.apiBaseUrl }
  const { payload } = message
  const sent = await outside.transcripts[message.provider]?.sentMessages(
    { payload, account },
    signal,
  )
  if (!sent || sent.length === 0) return {}
  return { write: (tx) => storeSent(tx, message, sent) }
}

function apiKeyOf({ sealedApiKey, connectionId }: StepMessage, outside: Outside): string {
  try {
    return outside.openApiKey(sealedApiKey ?? '', connectionId ?? '')
  } catch {
    throw new OutsideError('the API key was sealed under another SECRETS_KEY: set it again')
  }
}

/** The webhook of the same message may have had another id: equal text this close is the same. */
const TWIN_MINUTES = 5

async function storeSent(tx: Tx, message: StepMessage, sent: SentMessage[]): Promise<void> {
  const added = await tx.query<{ at: unknown }>(
    `insert into message (id, workspace_id, lead_id, connection_id, channel, provider, direction,
       kind, dedupe_key, external_id, subject, body, signals, sent_at)
     select sent.id, $1::uuid, $2::uuid, $3::uuid, $4, $5, 'outbound', 'text', sent."dedupeKey",
       sent."externalId", sent.subject, sent.body, '{"route": "api"}', least(sent."sentAt", now())
     from jsonb_to_recordset($6::jsonb) as sent (id uuid, "dedupeKey" text, "externalId" text,
       subject text, body text, "sentAt" timestamptz)
     where not exists (
       select 1 from message as known
       where known.lead_id = $2::uuid and known.direction = 'outbound' and known.channel = $4
         and known.sent_at between sent."sentAt" - $7::int * interval '1 minute'
           and sent."sentAt" + $7::int * interval '1 minute'
         and regexp_replace(lower(known.body), '\\s+', ' ', 'g')
           = regexp_replace(lower(sent.body), '\\s+', ' ', 'g')
     )
     on conflict do nothing
     returning sent_at as at`,
    [
      message.workspaceId,
      message.leadId,
      message.connectionId,
      message.channel,
      message.provider,
      JSON.stringify(sent.map((each) => ({ id: uuidv7(), ...each }))),
      TWIN_MINUTES,
    ],
  )
  if (added.length === 0) return
  await tx.query(
    `update lead set message_seq = message_seq + 1, updated_at = now(),
       last_outbound_at = newest.at,
       last_activity_at = greatest(last_activity_at, newest.at)
     from (
       select max(sent_at) as at from message where lead_id = $1 and direction = 'outbound'
     ) as newest
     where lead.id = $1`,
    [message.leadId],
  )
}
