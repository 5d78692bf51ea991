/**
 * A workspace's monthly AI budget: what its calls cost since the month began (UTC) against the limit
 * in its settings. At 100 % its LLM work pauses; it resumes when the limit is raised or the month
 * turns. Calls without a known price count nothing: a cost is never guessed.
 */
import { type Sql, toDate } from '../sql.ts'

export interface BudgetState {
  /** Null: no limit. */
  monthlyUsd: number | null
  spentUsd: number
  paused: boolean
  monthStart: Date
  /** Start of the next month, when spending counts from zero. */
  monthEnd: Date
}

/** What LLM work asks before each call, and tells after it. */
export interface AiBudget {
  isPaused(workspaceId: string): Promise<boolean>
  /** Counts at once; the recorded calls are read again only after a while. */
  spent(workspaceId: string, interactions: readonly { costUsd: number | null }[]): void
}

/** Null: unknown workspace. Without a limit the sum is left out, unless `always`. */
export async function readBudget(
  sql: Sql,
  workspaceId: string,
  { always = false } = {},
): Promise<BudgetState | null> {
  const [row] = await sql.query<{
    limit: number | string | null
    spent: number | string
    monthStart: unknown
    monthEnd: unknown
  }>(readBudgetSql, [workspaceId, always])
  if (!row) return null
  const monthlyUsd = row.limit === null ? null : Number(row.limit)
  const spentUsd = Number(row.spent)
  return {
    monthlyUsd,
    spentUsd,
    paused: monthlyUsd !== null && spentUsd >= monthlyUsd,
    monthStart: toDate(row.monthStart),
    monthEnd: toDate(row.monthEnd),
  }
}

const readBudgetSql = `
  with month as (
    select date_trunc('month', now() at time zone 'utc') as start
  ), bounds as (
    select start at time zone 'utc' as "monthStart",
      (start + interval '1 month') at time zone 'utc' as "monthEnd"
    from month
  )
  select settings.monthly_ai_budget_usd as limit, bounds.*,
    case when $2::boolean or settings.monthly_ai_budget_usd is not null then (
      select coalesce(sum(cost_usd), 0) from ai_interaction
      where ai_interaction.workspace_id = settings.workspace_id
        and created_at >= bounds."monthStart" and created_at < bounds."monthEnd"
    ) else 0 end as spent
  from workspace_settings as settings, bounds
  where settings.workspace_id = $1::uuid`

/**
 * How long a reading serves: a raised limit or other processes' calls are seen after this. The sum
 * of a busy month takes long to read, so a reading also serves at least READ_SHARE times as long as
 * it took: budgets never take more than 2 % of a connection.
 */
const FRESH_MS = 3000
const READ_SHARE = 50

interface Reading {
  until: number
  paused: boolean
  limit: number | null
  spent: number
}

/**
 * One per process. What calls in flight (LLM_CONCURRENCY) and other processes spend within FRESH_MS
 * may go over the limit; nothing else does.
 */
export function aiBudget(options: {
  sql: Sql
  now(): number
  /** A workspace's LLM work paused, or goes on. */
  onChange(change: { workspaceId: string; paused: boolean }): void
}): AiBudget {
  const { sql, now } = options
  const readings = new Map<string, Reading>()
  const underway = new Map<string, Promise<Reading>>()

  function tell(workspaceId: string, before: boolean, paused: boolean): void {
    if (before !== paused) options.onChange({ workspaceId, paused })
  }

  async function read(workspaceId: string): Promise<Reading> {
    const startedAt = now()
    const state = await readBudget(sql, workspaceId)
    const reading = {
      until: now() + Math.max(FRESH_MS, (now() - startedAt) * READ_SHARE),
      paused: state?.paused ?? false,
      limit: state?.monthlyUsd ?? null,
      spent: state?.spentUsd ?? 0,
    }
    tell(workspaceId, readings.get(workspaceId)?.paused ?? false, reading.paused)
    readings.set(workspaceId, reading)
    return reading
  }

  return {
    async isPaused(workspaceId) {
      const known = readings.get(workspaceId)
      if (known && known.until > now()) return known.paused
      const reading =
        underway.get(workspaceId) ?? read(workspaceId).finally(() => underway.delete(workspaceId))
      underway.set(workspaceId, reading)
      return (await reading).paused
    },
    spent(workspaceId, interactions) {
      const known = readings.get(workspaceId)
      if (!known || known.limit === null) return
      for (const { costUsd } of interactions) known.spent += costUsd ?? 0
      const paused = known.spent >= known.limit
      tell(workspaceId, known.paused, paused)
      known.paused = paused
    },
  }
}
