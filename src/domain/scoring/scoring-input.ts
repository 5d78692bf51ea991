/**
 * What scoring one lead starts from: how long to wait for the rest of a burst, and one consistent
 * snapshot of lead and conversation.
 */
import { type Store, toDate } from '../sql.ts'
import type { LeadProfile, ScoringContext, ScoringRequest, TranscriptEntry } from './score.ts'
import { boundTranscript, TRANSCRIPT_MESSAGES_MAX } from './transcript.ts'

export interface ScoringWindow {
  /** Nothing has changed since the last score. */
  covered: boolean
  /** Needs no call and no quiet window, as things stand. */
  disqualified: boolean
  /** Milliseconds until the lead is due; 0 or less: now. */
  dueInMs: number
  /** Age of the oldest message that no score covers, in milliseconds. */
  unscoredForMs: number
  /** Scoring calls of this lead that the provider failed since its last score. */
  failures: number
}

export interface WindowDefaults {
  quietMs: number
  maxWaitMs: number
}

/**
 * Due when the lead was quiet for `quietMs`, at latest `maxWaitMs` after its first unscored message.
 * Ages are taken from the database's clock, so that processes with other clocks agree. Null: the
 * lead is gone.
 */
export async function readWindow(
  store: Store,
  leadId: string,
  defaults: WindowDefaults,
): Promise<ScoringWindow | null> {
  const [row] = await store.query<Record<string, string | number | boolean | null>>(
    `select lead.scored_seq >= lead.message_seq as covered,
       lead.disqualified_reason is not null as disqualified,
       settings.quiet_ms as quiet, settings.max_wait_ms as "maxWait",
       extract(epoch from now() - unscored.newest) * 1000 as "newestAge",
       extract(epoch from now() - unscored.oldest) * 1000 as "oldestAge",
       case when lead.scoring_failed_at is null then 0 else (
         select count(*) from ai_interaction as call
         where call.lead_id = lead.id and call.feature_id = 'lead_scoring.score'
           and call.outcome in ('timeout', 'error')
           and call.created_at > coalesce(lead.scored_at, '-infinity')
       ) end as failures
     from lead
     left join workspace_settings as settings using (workspace_id)
     left join lateral (
       select max(received_at) as newest, min(received_at) as oldest
       from message where message.lead_id = lead.id and message.seq > lead.scored_seq
     ) as unscored on true
     where lead.id = $1`,
    [leadId],
  )
  if (!row) return null
  const quietMs = Number(row.quiet ?? defaults.quietMs)
  const maxWaitMs = Number(row.maxWait ?? defaults.maxWaitMs)
  const unscoredForMs = Number(row.oldestAge ?? 0)
  // Nothing to wait for without a new message: a person asked, or something else changed.
  const dueInMs =
    row.newestAge !== null
      ? Math.min(quietMs - Number(row.newestAge), maxWaitMs - unscoredForMs)
      : 0
  return {
    covered: row.covered === true,
    disqualified: row.disqualified === true,
    dueInMs,
    unscoredForMs,
    failures: Number(row.failures),
  }
}

export interface ScoringInput {
  /** The lead's message_seq in this snapshot: what the score will cover. */
  seen: number
  scoredSeq: number
  /** When this was read, by the database's clock. */
  readAt: Date
  disqualifiedReason: string | null
  /** A lead scores only if somebody, or their machine, wrote to us. */
  hasInbound: boolean
  request: ScoringRequest
}

interface LeadRow {
  readAt: unknown
  seen: number | string
  scoredSeq: number | string
  disqualifiedReason: string | null
  hasInbound: boolean
  firstName: string | null
  lastName: string | null
  company: string | null
  title: string | null
  industry: string | null
  headcount: string | null
  context: {
    companyName: string | null
    serviceDescription: string | null
    idealCustomerProfile: string | null
  }
  qualificationQuestions: string[] | null
}

/** Lead, workspace context and the most recent messages of all channels in one snapshot. */
export async function readScoringInput(
  store: Store,
  { workspaceId, leadId }: { workspaceId: string; leadId: string },
): Promise<ScoringInput | null> {
  return store.transaction(
    async (tx) => {
      const [lead] = await tx.query<LeadRow>(
        `select clock_timestamp() as "readAt", lead.message_seq as seen, lead.scored_seq as "scoredSeq",
           lead.disqualified_reason as "disqualifiedReason",
           exists (
             select 1 from message
             where message.lead_id = lead.id and direction = 'inbound'
               and kind in ('text', 'auto_reply')
           ) as "hasInbound", lead.first_name as "firstName",
           lead.last_name as "lastName", lead.company, lead.title, lead.industry, lead.headcount,
           json_build_object('companyName', settings.company_name,
             'serviceDescription', settings.service_description,
             'idealCustomerProfile', settings.ideal_customer_profile) as context,
           to_json(settings.qualification_questions) as "qualificationQuestions"
         from lead left join workspace_settings as settings using (workspace_id)
         where lead.id = $1 and lead.workspace_id = $2`,
        [leadId, workspaceId],
      )
      if (!lead) return null
      const messages = await tx.query<TranscriptEntry>(
        `select direction, channel, kind, subject, body, sent_at as at
         from message
         where lead_id = $1 and kind in ('text', 'auto_reply') and body is not null
         order by sent_at desc, id desc
         limit $2`,
        [leadId, TRANSCRIPT_MESSAGES_MAX],
      )
      return inputOf({ workspaceId, leadId }, lead, messages)
    },
    { snapshot: true },
  )
}

function inputOf(
  ids: { workspaceId: string; leadId: string },
  lead: LeadRow,
  messages: TranscriptEntry[],
): ScoringInput {
  const profile: LeadProfile = {
    name: [lead.firstName, lead.lastName].filter(Boolean).join(' ') || null,
    company: lead.company,
    title: lead.title,
    industry: lead.industry,
    headcount: lead.headcount,
  }
  const context: ScoringContext = {
    ...lead.context,
    qualificationQuestions: lead.qualificationQuestions ?? [],
  }
  const transcript = messages.map((entry) => ({ ...entry, at: toDate(entry.at) }))
  return {
    seen: Number(lead.seen),
    scoredSeq: Number(lead.scoredSeq),
    readAt: toDate(lead.readAt),
    disqualifiedReason: lead.disqualifiedReason,
    hasInbound: lead.hasInbound,
    request: { ...ids, context, lead: profile, transcript: boundTranscript(transcript) },
  }
}
