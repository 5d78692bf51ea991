/** One row per new score: the history of a lead and what the feed streams. */
import { defineEntity, p } from '@mikro-orm/core'
import { channels } from '../channels/inbound-event.ts'
import { sentimentTags } from '../sentiment-tag.ts'
import { Lead } from './lead.ts'
import { Workspace } from './workspace.ts'

const scoreEventSchema = defineEntity({
  name: 'ScoreEvent',
  tableName: 'score_event',
  uniques: [
    // One score per covered sequence, and the score history of a lead.
    { name: 'score_event_of_lead', properties: ['lead', 'messageSeq'] },
  ],
  properties: {
    workspace: () => p.manyToOne(Workspace).primary().createForeignKeyConstraint(false),
    /** Gapless per workspace, taken in the scoring transaction. */
    seq: p.bigint('number').primary(),
    lead: () => p.manyToOne(Lead).deleteRule('cascade'),
    fitScore: p.smallint().nullable(),
    intentScore: p.smallint().nullable(),
    overallScore: p.smallint().nullable(),
    previousOverallScore: p.smallint().nullable(),
    reasoning: p.text().nullable(),
    model: p.text(),
    promptVersion: p.text(),
    provisional: p.boolean().default(false),
    /** The lead's message_seq that this score covers. */
    messageSeq: p.bigint('number'),
    channel: p.enum(channels).length(20).nullable(),
    sentimentTag: p.enum(sentimentTags).length(30),
    /** When lead and conversation were read for it; null for rows of before it was kept. */
    beganAt: p.datetime().nullable(),
    scoredAt: p.datetime().defaultRaw('now()'),
  },
})
export class ScoreEvent extends scoreEventSchema.class {}
scoreEventSchema.setClass(ScoreEvent)
