/**
 * Connections that keep their statements prepared, for the few texts that the ingest sends all day.
 * Each statement commits by itself.
 */
import { Pool, type PoolConfig, type QueryResultRow } from 'pg'
import { lease, metersOf, type PoolMeters } from './database-pool.ts'
import { codeOf, type Sql } from './domain/sql.ts'
import type { Log } from './log.ts'

/** One group per channel is in flight; the rest replaces connections that broke or went silent. */
const INGEST_CONNECTIONS_MAX = 8
const INGEST_IDLE_MS = 300_000
/** Per connection; a text beyond it is planned each time. The ingest has about a dozen. */
const PREPARED_MAX = 50
/**
 * Planning a group's statement took longer than running it for a few rows. A plan that is kept must
 * be right for tables that grow, so the indexes are used also while the tables are small.
 */
const KEPT_PLANS =
  '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off -c timezone=UTC'

export interface PreparedSql {
  sql: Sql
  meters(): PoolMeters
  close(): Promise<void>
}

export function preparedSql(config: PoolConfig, log: Log): PreparedSql {
  const pool = new Pool({
    ...config,
    max: INGEST_CONNECTIONS_MAX,
    // A connection is dear to open anew: it plans every statement again.
    idleTimeoutMillis: INGEST_IDLE_MS,
    application_name: 'leadpulse-ingest',
    options: KEPT_PLANS,
  })
  // Without listeners the first connection that is lost, idle or at work, would end the process.
  const onBroken = (error: Error) =>
    log.warn({ component: 'ingest', code: codeOf(error) }, error.message)
  pool.on('error', onBroken)
  pool.on('connect', (client) => client.on('error', onBroken))
  const names = new Map<string, string>()
  function nameOf(text: string): string | undefined {
    if (!names.has(text) && names.size < PREPARED_MAX) names.set(text, `ingest_${names.size}`)
    return names.get(text)
  }
  return {
    meters: () => metersOf('ingest', pool),
    sql: {
      async query<Row>(text: string, params: unknown[] = []) {
        const name = nameOf(text)
        // Not `pool.query`: it throws the connection away with every refused row, plans and all.
        const connection = lease(await pool.connect())
        try {
          const statement = { ...(name && { name }), text, values: params }
          return (await connection.query<QueryResultRow>(statement)).rows as Row[]
        } finally {
          connection.release()
        }
      },
    },
    close: () => pool.end(),
  }
}
