/**
 * Simulations that the dashboard starts: one at a time per workspace, kept in the database so that
 * every process can tell how far it is. Their leads are marked as demo, and go when a person says so.
 */
import { v7 as uuidv7 } from 'uuid'
import { eraseLead, type ForgetJobs } from './leads/erase-lead.ts'
import { type Sql, type Store, toDate, toDateOrNull } from './sql.ts'

/** `stopped`: the process that played it ended, or has not been heard of. */
export const simulationStates = ['running', 'done', 'stopped', 'failed'] as const
export type SimulationState = (typeof simulationStates)[number]

export interface Simulation {
  state: SimulationState
  /** To be sent in all. */
  webhooks: number
  sent: number
  failed: number
  error: string | null
  startedAt: Date
  endedAt: Date | null
}

export interface DemoLeads {
  leads: number
  /** Of those: covered by a score. */
  scored: number
}

/** It reports each second; a database that was away for a moment is no death. */
const HEARD_SECONDS = 15
const REMOVAL_PAGE = 100

/** Answers the id of the run; null: another one is under way. */
export async function startSimulation(
  tx: Sql,
  { workspaceId, webhooks }: { workspaceId: string; webhooks: number },
): Promise<string | null> {
  const runId = uuidv7()
  const rows = await tx.query(
    `insert into simulation (workspace_id, run_id, state, webhooks)
     values ($1::uuid, $2::uuid, 'running', $3)
     on conflict (workspace_id) do update set run_id = excluded.run_id, state = excluded.state,
       webhooks = excluded.webhooks, sent = 0, failed = 0, error = null, started_at = now(),
       heard_at = now(), ended_at = null
     where simulation.state <> 'running'
       or simulation.heard_at < now() - interval '${HEARD_SECONDS} seconds'
     returning 1`,
    [workspaceId, runId, webhooks],
  )
  return rows.length === 1 ? runId : null
}

export interface SimulationReport {
  runId: string
  state: SimulationState
  sent: number
  failed: number
  error?: string | null
  /** Stored since the last report: their leads are marked. */
  messageIds: string[]
}

export async function reportSimulation(sql: Sql, report: SimulationReport): Promise<void> {
  const { runId, state, sent, failed, error = null, messageIds } = report
  await markDemo(sql, messageIds)
  await sql.query(
    `update simulation set state = $2, sent = $3, failed = $4, error = $5, heard_at = now(),
       ended_at = case when $2 = 'running' then null else now() end
     where run_id = $1::uuid`,
    [runId, state, sent, failed, error],
  )
}

/** The leads of these messages are made up. Locked in the ingest's order, which may write them now. */
export async function markDemo(sql: Sql, messageIds: string[]): Promise<void> {
  if (messageIds.length === 0) return
  await sql.query(
    `update lead set demo = true
     where id in (
       select id from lead
       where not demo and id in (select lead_id from message where id = any($1::uuid[]))
       order by id
       for no key update
     )`,
    [messageIds],
  )
}

/** Null: there was none yet. */
export async function readSimulation(sql: Sql, workspaceId: string): Promise<Simulation | null> {
  const [row] = await sql.query<Simulation & { silent: boolean }>(
    `select state, webhooks, sent, failed, error, started_at as "startedAt",
       ended_at as "endedAt",
       state = 'running' and heard_at < now() - interval '${HEARD_SECONDS} seconds' as silent
     from simulation where workspace_id = $1::uuid`,
    [workspaceId],
  )
  if (!row) return null
  const { silent, ...simulation } = row
  return {
    ...simulation,
    state: silent ? 'stopped' : simulation.state,
    startedAt: toDate(simulation.startedAt),
    endedAt: toDateOrNull(simulation.endedAt),
  }
}

export async function countDemoLeads(sql: Sql, workspaceId: string): Promise<DemoLeads> {
  const [row] = await sql.query<Record<keyof DemoLeads, number | string>>(
    `select count(*) as leads, count(*) filter (where scored_seq >= message_seq) as scored
     from lead where workspace_id = $1::uuid and demo`,
    [workspaceId],
  )
  return { leads: Number(row?.leads), scored: Number(row?.scored) }
}

/** Erases every demo lead like a person who asked for it; answers how many there were. */
export async function removeDemoLeads(
  store: Store,
  workspaceId: string,
  forgetJobs: ForgetJobs,
): Promise<number> {
  let removed = 0
  for (;;) {
    const leads = await store.query<{ leadId: string }>(
      `select id as "leadId" from lead where workspace_id = $1::uuid and demo order by id limit $2`,
      [workspaceId, REMOVAL_PAGE],
    )
    if (leads.length === 0) return removed
    // One by one: erasing locks the lead and then the workspace, so a second lead would be locked
    // against the order of scoring.
    for (const { leadId } of leads) {
      await store.transaction((tx) => eraseLead(tx, { workspaceId, leadId }, forgetJobs))
    }
    removed += leads.length
  }
}
