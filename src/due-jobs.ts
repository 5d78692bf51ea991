/** How much work is due: what a drain has left, whoever may be at it next. */
import type { Sql } from './domain/sql.ts'
import { queueNames } from './job-queues.ts'

/** Jobs of all workspaces that wait and may begin now; those that wait for their retry are not due. */
export async function countDue(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ count: number }>(dueSql, [queueNames])
  return row?.count ?? 0
}

const dueSql = `
  select count(*)::int as count from pgboss.job
  where name = any($1::text[]) and state in ('created', 'retry') and start_after <= now()
`
