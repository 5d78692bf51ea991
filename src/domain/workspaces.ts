/** Workspaces: making a tenant that can receive at once, and listing them. */
import { v7 as uuidv7 } from 'uuid'
import { channels } from './channels/inbound-event.ts'
import { createConnection, type MadeConnection } from './connections.ts'
import { exactTime, type Page, type PageRequest, pageOf, type TimeKey } from './page.ts'
import { type Sql, toDate } from './sql.ts'

export interface Workspace {
  id: string
  name: string
  createdAt: Date
}

export interface MadeWorkspace extends Workspace {
  /** One ready-made connection per channel, provider `generic`; their tokens are shown only now. */
  connections: MadeConnection[]
}

/** Call it in a transaction: workspace, settings and connections belong together. */
export async function createWorkspace(tx: Sql, { name }: { name: string }): Promise<MadeWorkspace> {
  const id = uuidv7()
  const [row] = await tx.query<{ createdAt: unknown }>(
    `insert into workspace (id, name) values ($1::uuid, $2) returning created_at as "createdAt"`,
    [id, name],
  )
  await tx.query('insert into workspace_settings (workspace_id) values ($1::uuid)', [id])
  const connections: MadeConnection[] = []
  for (const channel of channels) {
    connections.push(
      await createConnection(tx, {
        id: uuidv7(),
        workspaceId: id,
        channel,
        provider: 'generic',
        name: `Generic ${channel}`,
        sealedSignature: null,
      }),
    )
  }
  return { id, name, createdAt: toDate(row?.createdAt), connections }
}

export async function listWorkspaces(
  sql: Sql,
  { limit, after }: PageRequest<TimeKey>,
): Promise<Page<Workspace, TimeKey>> {
  const rows = await sql.query<Workspace & { at: string }>(
    `select id, name, created_at as "createdAt", ${exactTime('created_at')} as at
     from workspace
     where $1::timestamptz is null or (created_at, id) > ($1::timestamptz, $2::uuid)
     order by created_at, id
     limit $3::int`,
    [after?.at ?? null, after?.id ?? null, limit + 1],
  )
  const page = pageOf(rows, limit, ({ at, id }) => ({ at, id }))
  return {
    ...page,
    rows: page.rows.map(({ id, name, createdAt }) => ({ id, name, createdAt: toDate(createdAt) })),
  }
}
