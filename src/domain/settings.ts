/** What a workspace says about itself and how it wants to be scored: read, and changed in part. */
import { type Sql, toDate } from './sql.ts'

export interface Settings {
  companyName: string | null
  serviceDescription: string | null
  idealCustomerProfile: string | null
  qualificationQuestions: string[]
  /** Null: the instance's default. */
  quietMs: number | null
  maxWaitMs: number | null
  draftsEnabled: boolean
  /** Null: no limit. */
  monthlyAiBudgetUsd: number | null
  clayWebhookUrl: string | null
  updatedAt: Date
}

export type SettingsChange = Partial<Omit<Settings, 'updatedAt'>>

/** Instance defaults of the two windows, which a workspace may leave as they are. */
export interface WindowDefaults {
  quietMs: number
  maxWaitMs: number
}

export class WindowError extends Error {
  override name = 'WindowError'
  readonly effective: WindowDefaults
  constructor(effective: WindowDefaults) {
    super(`maxWaitMs ${effective.maxWaitMs} is below quietMs ${effective.quietMs}`)
    this.effective = effective
  }
}

const columns = {
  companyName: 'company_name',
  serviceDescription: 'service_description',
  idealCustomerProfile: 'ideal_customer_profile',
  qualificationQuestions: 'qualification_questions',
  quietMs: 'quiet_ms',
  maxWaitMs: 'max_wait_ms',
  draftsEnabled: 'drafts_enabled',
  monthlyAiBudgetUsd: 'monthly_ai_budget_usd',
  clayWebhookUrl: 'clay_webhook_url',
} as const satisfies Record<keyof SettingsChange, string>

type SettingName = keyof typeof columns
const settingNames = Object.keys(columns) as SettingName[]
const selected = settingNames.map((name) => `${columns[name]} as "${name}"`).join(', ')

/** Null: unknown workspace. */
export async function readSettings(sql: Sql, workspaceId: string): Promise<Settings | null> {
  const [row] = await sql.query<Settings>(
    `select ${selected}, updated_at as "updatedAt"
     from workspace_settings where workspace_id = $1::uuid`,
    [workspaceId],
  )
  return row ? settingsFrom(row) : null
}

/** Changes the given fields. Throws WindowError when the windows would contradict each other. */
export async function changeSettings(
  tx: Sql,
  workspaceId: string,
  change: SettingsChange,
  defaults: WindowDefaults,
): Promise<Settings | null> {
  const given = settingNames.filter((name) => change[name] !== undefined)
  const assignments = given.map((name, index) => `${columns[name]} = $${index + 2}`)
  const [row] = await tx.query<Settings>(
    `update workspace_settings set ${[...assignments, 'updated_at = now()'].join(', ')}
     where workspace_id = $1::uuid
     returning ${selected}, updated_at as "updatedAt"`,
    [workspaceId, ...given.map((name) => change[name])],
  )
  if (!row) return null
  const settings = settingsFrom(row)
  const effective = {
    quietMs: settings.quietMs ?? defaults.quietMs,
    maxWaitMs: settings.maxWaitMs ?? defaults.maxWaitMs,
  }
  if (effective.maxWaitMs < effective.quietMs) throw new WindowError(effective)
  return settings
}

function settingsFrom(row: Settings): Settings {
  return {
    ...row,
    monthlyAiBudgetUsd: row.monthlyAiBudgetUsd === null ? null : Number(row.monthlyAiBudgetUsd),
    updatedAt: toDate(row.updatedAt),
  }
}
