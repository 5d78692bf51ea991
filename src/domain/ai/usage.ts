/** What a workspace's LLM calls used and cost, grouped for people. Null cost: no known price. */
import type { InteractionOutcome } from '../scoring/score.ts'
import type { Sql } from '../sql.ts'

export const usageGroupings = ['feature', 'model', 'source', 'day'] as const
export type UsageGrouping = (typeof usageGroupings)[number]

export interface Usage {
  calls: number
  /** Calls of each outcome that occurred. */
  outcomes: Partial<Record<InteractionOutcome, number>>
  inputTokens: number
  /** Part of the input that was read from the provider's cache. */
  cachedTokens: number
  outputTokens: number
  /** Part of the output that nobody sees. */
  reasoningTokens: number
  /** Of the calls whose cost is known. */
  costUsd: number
  /** Calls that told no usage (timeouts, refused connections) or whose model has no known price. */
  callsWithoutCost: number
  latencyMsAverage: number | null
}

export interface UsageGroup extends Usage {
  /** The feature, model or source, or the day in UTC as YYYY-MM-DD. */
  key: string
}

const keys: Record<UsageGrouping, string> = {
  feature: 'feature_id',
  model: 'model',
  source: 'source',
  day: `to_char(created_at at time zone 'utc', 'YYYY-MM-DD')`,
}

/** More groups than a year has days come of model names only, and mean nothing to people. */
const GROUPS_MAX = 400

/** Calls made from `from` up to, not including, `to`; by key, and the total of all. */
export async function readUsage(
  sql: Sql,
  what: { workspaceId: string; groupBy: UsageGrouping; from: Date; to: Date },
): Promise<{ groups: UsageGroup[]; total: Usage }> {
  const rows = await sql.query<UsageRow>(
    `with call as (
       select ${keys[what.groupBy]} as key, ai_interaction.* from ai_interaction
       where workspace_id = $1::uuid and created_at >= $2::timestamptz
         and created_at < $3::timestamptz
     ), outcome as (
       select key, grouping(key) as whole, outcome, count(*) as calls
       from call group by grouping sets ((key, outcome), (outcome))
     ), usage as (
       select key, grouping(key) as whole, count(*) as calls,
         sum(input_tokens) as "inputTokens", sum(cached_tokens) as "cachedTokens",
         sum(output_tokens) as "outputTokens", sum(reasoning_tokens) as "reasoningTokens",
         sum(cost_usd) as "costUsd", count(*) filter (where cost_usd is null) as "callsWithoutCost",
         avg(latency_ms) as "latencyMsAverage"
       from call group by grouping sets ((key), ())
     )
     select usage.*, (
       select json_object_agg(outcome.outcome, outcome.calls) from outcome
       where outcome.whole = usage.whole and outcome.key is not distinct from usage.key
     ) as outcomes
     from usage
     order by usage.whole desc, usage.key
     limit $4::int`,
    [what.workspaceId, what.from, what.to, GROUPS_MAX + 1],
  )
  const [total, ...groups] = rows
  return {
    total: usageOf(total),
    groups: groups.map((row) => ({ key: row.key ?? '', ...usageOf(row) })),
  }
}

type Counted = Exclude<keyof Usage, 'outcomes' | 'latencyMsAverage'>
type UsageRow = Record<Counted, number | string | null> & {
  key: string | null
  outcomes: Usage['outcomes'] | null
  latencyMsAverage: number | string | null
}

function usageOf(row: UsageRow | undefined): Usage {
  const count = (name: Counted) => Number(row?.[name] ?? 0)
  return {
    calls: count('calls'),
    outcomes: row?.outcomes ?? {},
    inputTokens: count('inputTokens'),
    cachedTokens: count('cachedTokens'),
    outputTokens: count('outputTokens'),
    reasoningTokens: count('reasoningTokens'),
    costUsd: count('costUsd'),
    callsWithoutCost: count('callsWithoutCost'),
    latencyMsAverage:
      row?.latencyMsAverage == null ? null : Math.round(Number(row.latencyMsAverage)),
  }
}

/** Leads whose score is to be made again when the budget allows. */
export async function countProvisional(sql: Sql, workspaceId: string): Promise<number> {
  const [row] = await sql.query<{ count: number | string }>(
    'select count(*) as count from lead where provisional and workspace_id = $1::uuid',
    [workspaceId],
  )
  return Number(row?.count ?? 0)
}
