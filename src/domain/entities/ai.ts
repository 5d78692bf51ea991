/** What LLM calls leave behind: the accounting row of every call, and drafts for people. */
import { defineEntity, p } from '@mikro-orm/core'
import { channels } from '../channels/inbound-event.ts'
import { draftStatuses } from '../drafts/drafts.ts'
import { interactionOutcomes } from '../scoring/score.ts'
import { Lead } from './lead.ts'
import { Message } from './message.ts'
import { Workspace } from './workspace.ts'

const aiInteractionSchema = defineEntity({
  name: 'AiInteraction',
  tableName: 'ai_interaction',
  indexes: [
    { name: 'ai_interaction_usage', properties: ['workspace', 'createdAt'] },
    { name: 'ai_interaction_of_lead', properties: ['lead'] },
  ],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    /** Kept without the lead when the person is erased: it is billing, not personal. */
    lead: () => p.manyToOne(Lead).nullable().deleteRule('set null'),
    /** `background-job/<job-type-in-kebab-case>`, or `dashboard/settings-preview`. */
    source: p.text(),
    featureId: p.text(),
    promptVersion: p.text(),
    requestedModel: p.text(),
    model: p.text(),
    outcome: p.enum(interactionOutcomes).length(20),
    inputTokens: p.integer().nullable(),
    cachedTokens: p.integer().nullable(),
    outputTokens: p.integer().nullable(),
    reasoningTokens: p.integer().nullable(),
    costUsd: p.decimal('number').precision(14).scale(8).nullable(),
    latencyMs: p.integer(),
    requestId: p.text().nullable(),
    error: p.text().nullable(),
    createdAt: p.datetime().defaultRaw('now()'),
  },
})
export class AiInteraction extends aiInteractionSchema.class {}
aiInteractionSchema.setClass(AiInteraction)

const aiDraftSchema = defineEntity({
  name: 'AiDraft',
  tableName: 'ai_draft',
  indexes: [
    { name: 'ai_draft_by_status', properties: ['workspace', 'status', 'createdAt'] },
    { name: 'ai_draft_of_lead', properties: ['lead'] },
  ],
  uniques: [{ name: 'ai_draft_of_message', properties: ['message'] }],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    lead: () => p.manyToOne(Lead).deleteRule('cascade'),
    message: () => p.manyToOne(Message).deleteRule('cascade'),
    channel: p.enum(channels).length(20),
    body: p.text(),
    model: p.text(),
    promptVersion: p.text(),
    status: p.enum(draftStatuses).length(10).default('pending'),
    createdAt: p.datetime().defaultRaw('now()'),
    decidedAt: p.datetime().nullable(),
    decidedBy: p.text().nullable(),
  },
})
export class AiDraft extends aiDraftSchema.class {}
aiDraftSchema.setClass(AiDraft)
