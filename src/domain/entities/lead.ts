/** A person in a workspace, the scores, and the identities by which the person is found again. */
import { defineEntity, p } from '@mikro-orm/core'
import { channels } from '../channels/inbound-event.ts'
import { contactKinds, contactSources } from '../contacts.ts'
import { identityKinds } from '../identity.ts'
import { sentimentTags } from '../sentiment-tag.ts'
import { Workspace } from './workspace.ts'

export const disqualifiers = ['opt_out', 'bounce', 'person'] as const

/** Fixed tag and score, then by activity: whatever is asked for is read from a few ends of it. */
function filtered(name: string, where?: string) {
  const columns = 'workspace_id, sentiment_tag, (coalesce(overall_score, 0)), last_activity_at, id'
  const expression = `create index "${name}" on lead (${columns})${where ? ` where ${where}` : ''}`
  return { name, expression }
}

const leadSchema = defineEntity({
  name: 'Lead',
  tableName: 'lead',
  indexes: [
    // Feed snapshots and backfill runs go through a workspace by id.
    { name: 'lead_of_workspace', properties: ['workspace', 'id'] },
    // GET /leads: one index a question (domain/leads/lead-filter.ts).
    { name: 'lead_list_by_activity', properties: ['workspace', 'lastActivityAt', 'id'] },
    {
      name: 'lead_list_by_score',
      expression:
        'create index "lead_list_by_score" on lead (workspace_id, (coalesce(overall_score, 0)), last_activity_at, id)',
    },
    filtered('lead_list_by_sentiment'),
    ...channels.map((each) => filtered(`lead_list_of_${each}`, `channels @> '{${each}}'`)),
    filtered('lead_list_disqualified', 'disqualified_reason is not null'),
    {
      name: 'lead_list_by_scored_at',
      expression: `create index "lead_list_by_scored_at" on lead (workspace_id, (coalesce(scored_at, 'epoch')), id)`,
    },
    {
      // The recovery actor's question: which leads have messages that no score covers?
      name: 'lead_unscored_messages',
      expression:
        'create index "lead_unscored_messages" on "lead" ("updated_at") where (message_seq > scored_seq)',
    },
    {
      name: 'lead_provisional',
      expression:
        'create index "lead_provisional" on "lead" ("workspace_id", "id") where (provisional)',
    },
    {
      name: 'lead_demo',
      expression: 'create index "lead_demo" on "lead" ("workspace_id", "id") where (demo)',
    },
    {
      name: 'lead_parked',
      expression:
        'create index "lead_parked" on "lead" ("workspace_id", "parked_at", "id") where (parked_at is not null)',
    },
  ],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    firstName: p.text().nullable(),
    lastName: p.text().nullable(),
    company: p.text().nullable(),
    title: p.text().nullable(),
    industry: p.text().nullable(),
    headcount: p.text().nullable(),
    sentimentTag: p.enum(sentimentTags).length(30).default('New'),
    /** Not null: never shown to an LLM, scored 1/1/1. */
    disqualifiedReason: p.text().nullable(),
    /** Who decided: an opt-in takes back an opt-out, never a person's word or a bounce. */
    disqualifiedBy: p.enum(disqualifiers).length(10).nullable(),
    disqualifiedAt: p.datetime().nullable(),
    fitScore: p.smallint().nullable(),
    intentScore: p.smallint().nullable(),
    overallScore: p.smallint().nullable(),
    scoreReasoning: p.text().nullable(),
    scoredAt: p.datetime().nullable(),
    /** Model that made the score, or `disqualified`. */
    scoredBy: p.text().nullable(),
    /** The rules scored because the AI budget was used up; a model does when there is budget again. */
    provisional: p.boolean().default(false),
    /** Raised by everything a score depends on; a lead is dirty while it is above scoredSeq. */
    messageSeq: p.bigint('number').default(0),
    scoredSeq: p.bigint('number').default(0),
    /** Why the last attempt failed; set while scoring fails, shown to people, cleared by a score. */
    scoringError: p.text().nullable(),
    scoringFailedAt: p.datetime().nullable(),
    /** Set when the attempts are used up: a person or a new message starts again. */
    parkedAt: p.datetime().nullable(),
    /** Every channel this person was seen on. */
    channels: p.array<string>().defaultRaw(`'{}'`),
    /** Channel of the newest message, shown in lists and in the feed. */
    lastChannel: p.enum(channels).length(20).nullable(),
    lastInboundAt: p.datetime().nullable(),
    lastOutboundAt: p.datetime().nullable(),
    /** Newer of the two above, else creation: the order of the lead list. */
    lastActivityAt: p.datetime().defaultRaw('now()'),
    /** As in LeadSearch; a list read in its order need not look there. */
    words: p.text().default(''),
    /** Made up, by a simulation or a test webhook: shown as such, removed together. */
    demo: p.boolean().default(false),
    /** When enrichment was last asked for; a question costs credits. */
    enrichmentAskedAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw('now()'),
    updatedAt: p.datetime().defaultRaw('now()'),
  },
})
export class Lead extends leadSchema.class {}
leadSchema.setClass(Lead)

const leadIdentitySchema = defineEntity({
  name: 'LeadIdentity',
  tableName: 'lead_identity',
  indexes: [{ name: 'lead_identity_of_lead', properties: ['lead'] }],
  properties: {
    workspace: () => p.manyToOne(Workspace).primary().createForeignKeyConstraint(false),
    kind: p.enum(identityKinds).length(20).primary(),
    value: p.string().length(320).primary(),
    lead: () => p.manyToOne(Lead).deleteRule('cascade'),
    createdAt: p.datetime().defaultRaw('now()'),
  },
})
export class LeadIdentity extends leadIdentitySchema.class {}
leadIdentitySchema.setClass(LeadIdentity)

const leadContactSchema = defineEntity({
  name: 'LeadContact',
  tableName: 'lead_contact',
  properties: {
    lead: () => p.manyToOne(Lead).primary().deleteRule('cascade'),
    kind: p.enum(contactKinds).length(10).primary(),
    value: p.string().length(320).primary(),
    foundIn: p.enum(contactSources).length(10),
    foundAt: p.datetime().defaultRaw('now()'),
  },
})
/** How the person may be reached, for people to use. Never an identity: it may be a colleague's. */
export class LeadContact extends leadContactSchema.class {}
leadContactSchema.setClass(LeadContact)

const leadSearchSchema = defineEntity({
  name: 'LeadSearch',
  tableName: 'lead_search',
  indexes: [
    { name: 'lead_list_by_name', properties: ['workspace', 'nameless', 'name', 'lead'] },
    {
      name: 'lead_search_words',
      expression:
        'create index "lead_search_words" on "lead_search" using gin (lead_search_joined(words) gin_trgm_ops, "facets") with (gin_pending_list_limit = 4096)',
    },
  ],
  properties: {
    lead: () => p.oneToOne(Lead).primary().owner().deleteRule('cascade'),
    workspace: () => p.manyToOne(Workspace).createForeignKeyConstraint(false),
    /** 1 where there is no name: those come last. */
    nameless: p.smallint(),
    /** Lower case; '' where there is none. */
    name: p.text(),
    /** Name, company, e-mail addresses and phone numbers, in lower case, a line each. */
    words: p.text(),
    /** What the list filters by: sentiment tag, score (0: none), `disqualified`. */
    facets: p.array<string>().defaultRaw(`'{}'`),
    channels: p.array<string>().defaultRaw(`'{}'`),
  },
})
/**
 * What the lead list sorts by name, and searches; written by the ingest for new leads, by triggers for
 * everybody else (see its migrations).
 */
export class LeadSearch extends leadSearchSchema.class {}
leadSearchSchema.setClass(LeadSearch)
