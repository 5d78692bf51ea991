/**
 * Connections that keep their statements prepared, for the few texts that the ingest sends all day.
 * Each statement commits by itself.
 */
import { Pool, type PoolConfig } from 'pg'
import { codeOf, type Sql } from './domain/sql.ts'
import type { Log } from './log.ts'

/** One group per channel is in flight; the rest replaces connections that broke. */
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

export function preparedSql(config: PoolConfig, log: Log): { sql: Sql; close(): Promise<void> } {
  const pool = new Pool({
    ...config,
    max: INGEST_CONNECTIONS_MAX,
    // A connection is dear to open anew: it plans every statement again.
    idleTimeoutMillis: INGEST_IDLE_MS,
    application_name: 'leadpulse-ingest',
    options: KEPT_PLANS,
  })
  // Without a listener the first connection that is lost while idle would end the process.
  pool.on('error', (error) => log.warn({ component: 'ingest', code: codeOf(error) }, error.message))
  const names = new Map<string, string>()
  function nameOf(text: string): string | undefined {
    if (!names.has(text) && names.size < PREPARED_MAX) names.set(text, `ingest_${names.size}`)
    return names.get(text)
  }
  return {
    sql: {
      async query<Row>(text: string, params: unknown[] = []) {
        const name = nameOf(text)
        const result = await pool.query({ ...(name && { name }), text, values: params })
        return result.rows as Row[]
      },
    },
    close: () => pool.end(),
  }
}
