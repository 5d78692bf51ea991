/** The message that the steps work on, with what they need to know around it, read once. */
import type { Channel, MessageSignals, ProviderName } from '../channels/inbound-event.ts'
import type { MessageKind } from '../message-rules.ts'
import type { SentimentTag } from '../sentiment-tag.ts'
import { type Sql, toDate } from '../sql.ts'
import type { StepName } from './step.ts'

export interface StepMessage {
  id: string
  workspaceId: string
  leadId: string
  connectionId: string | null
  channel: Channel
  provider: ProviderName
  /** Changed by steps. */
  kind: MessageKind
  /** Null until the sentiment step; changed by it. */
  sentimentTag: SentimentTag | null
  subject: string | null
  body: string | null
  signals: MessageSignals
  payload: unknown
  seq: number
  sentAt: Date
  /** When this work on it began, by the database's clock. */
  pickedUpAt: Date
  isProcessed: boolean
  /** Steps that need not run again. */
  done: StepName[]
  draftsEnabled: boolean
  clayWebhookUrl: string | null
  sealedApiKey: string | null
  apiBaseUrl: string | null
  /** A later message of the lead on this connection waits: what costs a call is left to its job. */
  hasSuccessor: boolean
}

/** Null: erased meanwhile. */
export async function readStepMessage(
  sql: Sql,
  job: { workspaceId: string; messageId: string },
): Promise<StepMessage | null> {
  const [row] = await sql.query<
    StepMessage & { sentAt: unknown; pickedUpAt: unknown; seq: unknown }
  >(
    `select message.id, message.workspace_id as "workspaceId", message.lead_id as "leadId",
       message.connection_id as "connectionId", message.channel, message.provider, message.kind,
       message.sentiment_tag as "sentimentTag", message.subject, message.body, message.signals,
       message.payload, message.seq, message.sent_at as "sentAt",
       coalesce(message.picked_up_at, clock_timestamp()) as "pickedUpAt",
       message.post_processed_at is not null as "isProcessed",
       array(
         select step from message_step where message_id = message.id and state = 'done'
       ) as done,
       coalesce(settings.drafts_enabled, false) as "draftsEnabled",
       settings.clay_webhook_url as "clayWebhookUrl",
       connection.sealed_api_key as "sealedApiKey", connection.api_base_url as "apiBaseUrl",
       exists (
         select 1 from message as later
         where later.lead_id = message.lead_id and later.seq > message.seq
           and later.connection_id = message.connection_id and later.post_processed_at is null
       ) as "hasSuccessor"
     from message
     left join workspace_settings as settings on settings.workspace_id = message.workspace_id
     left join connection on connection.id = message.connection_id
       and connection.workspace_id = message.workspace_id
     where message.id = $1 and message.workspace_id = $2 and message.direction = 'inbound'`,
    [job.messageId, job.workspaceId],
  )
  if (!row) return null
  const { seq, sentAt, pickedUpAt } = row
  return { ...row, seq: Number(seq), sentAt: toDate(sentAt), pickedUpAt: toDate(pickedUpAt) }
}
