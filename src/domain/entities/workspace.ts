/** A tenant and what it says about itself. Every other row belongs to exactly one workspace. */
import { defineEntity, p } from '@mikro-orm/core'

const workspaceSchema = defineEntity({
  name: 'Workspace',
  tableName: 'workspace',
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(200),
    /** Last number given to a score event; raised in the scoring transaction, so without gaps. */
    feedSeq: p.bigint('number').default(0),
    /** Changes when the numbers could be told twice (restored backup): clients then start over. */
    feedEpoch: p.uuid().defaultRaw('gen_random_uuid()'),
    /** Raised when a person is erased: what a process remembers of the feed is void by then. */
    erasures: p.bigint('number').default(0),
    createdAt: p.datetime().defaultRaw('now()'),
  },
})
export class Workspace extends workspaceSchema.class {}
workspaceSchema.setClass(Workspace)

const workspaceSettingsSchema = defineEntity({
  name: 'WorkspaceSettings',
  tableName: 'workspace_settings',
  properties: {
    workspace: () => p.oneToOne(Workspace).primary().deleteRule('cascade'),
    companyName: p.text().nullable(),
    serviceDescription: p.text().nullable(),
    idealCustomerProfile: p.text().nullable(),
    qualificationQuestions: p.array<string>().defaultRaw(`'{}'`),
    /** Null: the instance's SCORING_QUIET_MS / SCORING_MAX_WAIT_MS. */
    quietMs: p.integer().nullable(),
    maxWaitMs: p.integer().nullable(),
    draftsEnabled: p.boolean().default(false),
    monthlyAiBudgetUsd: p.decimal('number').precision(12).scale(2).nullable(),
    clayWebhookUrl: p.text().nullable(),
    updatedAt: p.datetime().defaultRaw('now()'),
  },
})
export class WorkspaceSettings extends workspaceSettingsSchema.class {}
workspaceSettingsSchema.setClass(WorkspaceSettings)
