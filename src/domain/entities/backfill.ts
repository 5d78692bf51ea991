/** One run that makes leads due for a new score; it goes on where it stopped, whoever stopped it. */
import { defineEntity, p } from '@mikro-orm/core'
import { backfillScopes, backfillStates } from '../backfill.ts'
import { Workspace } from './workspace.ts'

const backfillSchema = defineEntity({
  name: 'Backfill',
  tableName: 'backfill',
  indexes: [
    {
      name: 'backfill_running',
      expression: `create unique index "backfill_running" on "backfill" ("workspace_id") where (state = 'running')`,
    },
    { name: 'backfill_of_workspace', properties: ['workspace'] },
  ],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    scope: p.enum(backfillScopes).length(10),
    state: p.enum(backfillStates).length(10).default('running'),
    /** Leads per second; null: as fast as the database takes them. */
    ratePerSecond: p.integer().nullable(),
    /** Leads that were to be scored when it began. */
    total: p.integer(),
    enqueued: p.integer().default(0),
    /** Of those enqueued: scored 1 without a call. */
    disqualified: p.integer().default(0),
    /** Leads are taken in the order of their ids; null: none yet. */
    afterLeadId: p.uuid().nullable(),
    createdBy: p.text(),
    createdAt: p.datetime().defaultRaw('now()'),
    finishedAt: p.datetime().nullable(),
  },
})
export class Backfill extends backfillSchema.class {}
backfillSchema.setClass(Backfill)
