/**
 * Backfill: scores the leads of a workspace that have something inbound, all of them or those
 * without a score, by sending their scoring jobs; it scores nothing itself. A run is a row, worked
 * through page by page in the order of lead ids, so it goes on where a killed process stopped. A
 * page done twice changes nothing but the numbers of the leads: a lead has one waiting job at most.
 */
import { v7 as uuidv7 } from 'uuid'
import { codeOf, type Sql, type Store, type Tx, toDate, toDateOrNull } from './sql.ts'

export const backfillScopes = ['unscored', 'all'] as const
export type BackfillScope = (typeof backfillScopes)[number]
export const backfillStates = ['running', 'done'] as const

export interface Backfill {
  id: string
  workspaceId: string
  scope: BackfillScope
  state: (typeof backfillStates)[number]
  ratePerSecond: number | null
  /** Leads to be scored when it began; messages that come later are scored by themselves. */
  total: number
  enqueued: number
  /** Of those enqueued: they are scored 1 without a call. */
  disqualified: number
  /** The last lead that was enqueued. */
  afterLeadId: string | null
  createdBy: string
  createdAt: Date
  finishedAt: Date | null
}

export interface BackfillPreview {
  total: number
  disqualified: number
}

/** A disqualified lead that is scored as such has nothing to gain from a new score. */
const inScope = `(
    $2::text = 'all' or lead.overall_score is null
    or (lead.disqualified_reason is not null and lead.scored_by is distinct from 'disqualified')
  )
  and not (lead.disqualified_reason is not null and lead.scored_by is not distinct from
    'disqualified' and lead.scored_seq >= lead.message_seq)
  and exists (
    select 1 from message
    where message.lead_id = lead.id and message.direction = 'inbound'
  )`

/** What a run would send. */
export async function previewBackfill(
  sql: Sql,
  { workspaceId, scope }: { workspaceId: string; scope: BackfillScope },
): Promise<BackfillPreview> {
  const [row] = await sql.query<Record<'total' | 'disqualified', number | string>>(
    `select count(*) as total,
       count(*) filter (where lead.disqualified_reason is not null) as disqualified
     from lead where lead.workspace_id = $1::uuid and ${inScope}`,
    [workspaceId, scope],
  )
  return { total: Number(row?.total ?? 0), disqualified: Number(row?.disqualified ?? 0) }
}

const columns = `id, workspace_id as "workspaceId", scope, state,
  rate_per_second as "ratePerSecond", total, enqueued, disqualified,
  after_lead_id as "afterLeadId", created_by as "createdBy", created_at as "createdAt",
  finished_at as "finishedAt"`

/** Null: one is running already; a workspace has at most one. */
export async function startBackfill(
  tx: Tx,
  what: {
    workspaceId: string
    scope: BackfillScope
    ratePerSecond: number | null
    createdBy: string
  },
): Promise<Backfill | null> {
  const { total } = await previewBackfill(tx, what)
  const [row] = await tx.query<Backfill>(
    `insert into backfill (id, workspace_id, scope, rate_per_second, total, created_by)
     values ($1::uuid, $2::uuid, $3, $4::int, $5::int, $6)
     on conflict (workspace_id) where state = 'running' do nothing
     returning ${columns}`,
    [uuidv7(), what.workspaceId, what.scope, what.ratePerSecond, total, what.createdBy],
  )
  return row ? backfillOf(row) : null
}

export async function runningBackfill(sql: Sql, workspaceId: string): Promise<Backfill | null> {
  const [row] = await sql.query<Backfill>(
    `select ${columns} from backfill where workspace_id = $1::uuid and state = 'running'`,
    [workspaceId],
  )
  return row ? backfillOf(row) : null
}

/** Runs of all workspaces that are not done, oldest first. */
export async function runningBackfills(sql: Sql): Promise<Backfill[]> {
  const rows = await sql.query<Backfill>(
    `select ${columns} from backfill where state = 'running' order by created_at, id limit 100`,
  )
  return rows.map(backfillOf)
}

/** Null: unknown in this workspace. */
export async function readBackfill(
  sql: Sql,
  { workspaceId, id }: { workspaceId: string; id: string },
): Promise<(Backfill & { leadsWaiting: number }) | null> {
  const [row] = await sql.query<Backfill & { leadsWaiting: number | string }>(
    `select ${columns}, (
       select count(*) from lead
       where lead.workspace_id = backfill.workspace_id and message_seq > scored_seq
         and parked_at is null
     ) as "leadsWaiting"
     from backfill where id = $1::uuid and workspace_id = $2::uuid`,
    [id, workspaceId],
  )
  return row ? { ...backfillOf(row), leadsWaiting: Number(row.leadsWaiting) } : null
}

export interface BackfilledLead {
  workspaceId: string
  leadId: string
}

/** Leads that were made due, whose jobs are not sent yet. */
export interface DuePage {
  /** The lead that they come after. */
  afterLeadId: string | null
  rows: { id: string; disqualified: boolean }[]
}

export interface BackfillPageOptions {
  limit: number
  send(tx: Tx, leads: BackfilledLead[]): Promise<void>
  /** Makes the page after this one due while the jobs of this one are sent: half the time of a run. */
  isAhead?: boolean
  /** What the page before made due so; another run's or an older one is let be. */
  due?: DuePage | undefined
}

export interface BackfilledPage {
  run: Backfill
  sent: number
  /** For the next call. */
  next?: DuePage | undefined
}

/**
 * Makes the next page due and sends its jobs. Two transactions: a job that is visible before the
 * number it is sent for could be claimed and find nothing to do. A crash in between repeats the
 * page, and the one ahead; a second process on the same page sends nothing twice and is turned away
 * at the end.
 *
 * Answers how many leads were sent; null when the run is done.
 */
export async function backfillPage(
  store: Store,
  run: Backfill,
  options: BackfillPageOptions,
): Promise<BackfilledPage | null> {
  const { workspaceId } = run
  const { limit, isAhead, due } = options
  const { rows } =
    due?.afterLeadId === run.afterLeadId ? due : await makeDue(store, run, run.afterLeadId, limit)
  if (rows.length === 0) {
    await store.query(
      `update backfill set state = 'done', finished_at = now()
       where id = $1::uuid and state = 'running' and after_lead_id is not distinct from $2::uuid`,
      [run.id, run.afterLeadId],
    )
    return null
  }
  const ids = rows.map(({ id }) => id).sort()
  // Where it fails the next call does it.
  const ahead =
    isAhead && rows.length >= limit
      ? makeDue(store, run, ids.at(-1) ?? null, limit).catch(() => undefined)
      : undefined
  const advanced = await store
    .transaction(async (tx) => {
      await options.send(
        tx,
        ids.map((leadId) => ({ workspaceId, leadId })),
      )
      const disqualified = rows.filter((row) => row.disqualified).length
      const [row] = await tx.query<Backfill>(
        `update backfill set after_lead_id = $3::uuid, enqueued = enqueued + $4::int,
           disqualified = disqualified + $5::int
         where id = $1::uuid and state = 'running' and after_lead_id is not distinct from $2::uuid
         returning ${columns}`,
        [run.id, run.afterLeadId, ids.at(-1), rows.length, disqualified],
      )
      if (!row) throw new PageTakenError('another process sent this page')
      return backfillOf(row)
    })
    .catch((error: unknown) => {
      if (error instanceof PageTakenError || codeOf(error) === '40001') return null
      throw error
    })
  const next = await ahead
  if (advanced) return { run: advanced, sent: rows.length, next }
  const now = await readBackfill(store, run)
  return now && now.state === 'running' ? { run: now, sent: 0 } : null
}

async function makeDue(
  store: Store,
  { workspaceId, scope }: Backfill,
  afterLeadId: string | null,
  limit: number,
): Promise<DuePage> {
  const rows = await store.query<DuePage['rows'][number]>(pageSql, [
    workspaceId,
    scope,
    afterLeadId,
    limit,
  ])
  return { afterLeadId, rows }
}

class PageTakenError extends Error {
  override name = 'PageTakenError'
}

/** A lead that is due already keeps its number; a parked one gets another chance. */
const pageSql = `
  with page as (
    select lead.id from lead
    where lead.workspace_id = $1::uuid and ($3::uuid is null or lead.id > $3::uuid) and ${inScope}
    order by lead.id
    limit $4::int
    for no key update of lead
  )
  update lead set message_seq = greatest(message_seq, scored_seq + 1), parked_at = null,
    updated_at = now()
  from page where lead.id = page.id
  returning lead.id, lead.disqualified_reason is not null as disqualified`

function backfillOf(row: Backfill): Backfill {
  return {
    id: row.id,
    workspaceId: row.workspaceId,
    scope: row.scope,
    state: row.state,
    ratePerSecond: row.ratePerSecond,
    total: row.total,
    enqueued: row.enqueued,
    disqualified: row.disqualified,
    afterLeadId: row.afterLeadId,
    createdBy: row.createdBy,
    createdAt: toDate(row.createdAt),
    finishedAt: toDateOrNull(row.finishedAt),
  }
}
