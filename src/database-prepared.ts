/**
 * Connections that keep their statements prepared, for the few texts that the ingest sends all day.
 * Each statement commits by itself.
 */
import { Pool, type PoolClient, type PoolConfig, type QueryResultRow } from 'pg'
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

/**
 * A plan that was made while a table was empty, by its statistics, may read all of another index once
 * the table has grown: seventy milliseconds a group instead of five. Statistics of empty tables come
 * from a vacuum after everything was erased, or from an `analyze` right after the installation.
 */
const SLOW_MS = 50
/** Planning takes some milliseconds a statement; where being slow is no plan's fault, that is all. */
const REPLAN_MS = 5000

export interface PreparedSql {
  sql: Sql
  meters(): PoolMeters
  close(): Promise<void>
}

export function preparedSql(
  config: PoolConfig,
  log: Log,
  clock = () => performance.now(),
): PreparedSql {
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
  const plannedAt = new WeakMap<PoolClient, number>()
  function nameOf(text: string): string | undefined {
    if (!names.has(text) && names.size < PREPARED_MAX) names.set(text, `ingest_${names.size}`)
    return names.get(text)
  }
  function isDoubtful(client: PoolClient, begun: number): boolean {
    const now = clock()
    if (now - begun <= SLOW_MS || now - (plannedAt.get(client) ?? 0) <= REPLAN_MS) return false
    plannedAt.set(client, now)
    return true
  }
  return {
    meters: () => metersOf('ingest', pool),
    sql: {
      async query<Row>(text: string, params: unknown[] = []) {
        const name = nameOf(text)
        // Not `pool.query`: it throws the connection away with every refused row, plans and all.
        const client = await pool.connect()
        const connection = lease(client)
        try {
          const statement = { ...(name && { name }), text, values: params }
          const begun = clock()
          const { rows } = await connection.query<QueryResultRow>(statement)
          if (isDoubtful(client, begun)) {
            // The rows are written: a connection that breaks here fails the next statement, not this.
            await connection.query({ text: 'discard plans' }).catch(() => undefined)
          }
          return rows as Row[]
        } finally {
          connection.release()
        }
      },
    },
    close: () => pool.end(),
  }
}
