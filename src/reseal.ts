/**
 * What is sealed under a previous SECRETS_KEY is sealed again under the current one. Any number of
 * processes may do it at once: a row is changed only if it is still as it was read.
 */
import type { Sql } from './domain/sql.ts'
import type { Sealing } from './sealing.ts'

export interface Resealed {
  /** Secrets that were sealed again. */
  resealed: number
  /** Secrets that neither key opens: another key is needed, or they must be set again. */
  lost: number
}

interface Row {
  id: string
  signature: string | null
  apiKey: string | null
}

const PAGE = 500

export async function resealConnections(sql: Sql, sealing: Sealing): Promise<Resealed> {
  const done: Resealed = { resealed: 0, lost: 0 }
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const rows = await sql.query<Row>(pageSql, [after, PAGE])
    for (const row of rows) {
      for (const column of ['signature', 'apiKey'] as const) {
        await resealOne(sql, sealing, { id: row.id, column, sealed: row[column] }, done)
      }
    }
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return done
    after = last.id
  }
}

async function resealOne(
  sql: Sql,
  sealing: Sealing,
  of: { id: string; column: 'signature' | 'apiKey'; sealed: string | null },
  done: Resealed,
): Promise<void> {
  const { id, column, sealed } = of
  if (sealed === null) return
  const again = sealing.reseal(sealed, id)
  if (again === 'current') return
  if (again === 'lost') {
    done.lost += 1
    return
  }
  const rows = await sql.query(updateSql[column], [id, sealed, again.sealed])
  done.resealed += rows.length
}

const pageSql = `
  select id, sealed_signature as signature, sealed_api_key as "apiKey" from connection
  where id > $1::uuid and (sealed_signature is not null or sealed_api_key is not null)
  order by id limit $2
`

const updateSql = {
  signature: `update connection set sealed_signature = $3
    where id = $1::uuid and sealed_signature = $2 returning id`,
  apiKey: `update connection set sealed_api_key = $3
    where id = $1::uuid and sealed_api_key = $2 returning id`,
}
