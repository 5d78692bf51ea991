/**
 * The connections to PostgreSQL. A transaction that cannot begin or cannot be rolled back, because
 * its connection broke, is never given back by the query builder: each restart of the server would
 * cost the pool as many connections as there were transactions, until none is left and every query
 * waits for ever. So every checkout is a lease that ends itself on such a failure.
 */
import { PostgresDialect, type PostgresPoolClient } from 'kysely'
import {
  Pool,
  type PoolClient,
  type PoolConfig,
  type QueryConfig,
  type QueryResult,
  type QueryResultRow,
} from 'pg'

export interface PoolOptions extends PoolConfig {
  /** A connection broke; what ran on it fails by itself. */
  onBroken(error: Error): void
}

/** Connections of one pool; `waiting`: who waits for one. */
export interface PoolMeters {
  name: string
  open: number
  idle: number
  waiting: number
  max: number
}

export function metersOf(name: string, pool: Pool): PoolMeters {
  const { totalCount: open, idleCount: idle, waitingCount: waiting } = pool
  return { name, open, idle, waiting, max: pool.options.max }
}

/** `pick`: the pool to take the next connection from; one of `pools`, which end with the dialect. */
export function pooledDialect(pools: Pool[], pick = (): Pool => pools[0] as Pool): PostgresDialect {
  return new PostgresDialect({
    pool: {
      options: {},
      connect: async () => lease(await pick().connect()),
      end: async () => void (await Promise.all(pools.map((pool) => pool.end()))),
    },
  })
}

export function openPool({ onBroken, ...config }: PoolOptions): Pool {
  const pool = new Pool(config)
  // An `error` event that nobody hears ends the process; the pool listens to idle clients only.
  pool.on('error', onBroken)
  pool.on('connect', (client) => client.on('error', onBroken))
  return pool
}

/** After these a failed connection is nobody's: no transaction object exists to give it back. */
const TRANSACTION_EDGE = /^(begin|start transaction|rollback$)/
/** No answer within `query_timeout`: one may still come, and would be taken for the next query's. */
const isSilent = (error: unknown) => (error as Error).message === 'Query read timeout'

export interface Lease extends PostgresPoolClient {
  query: PostgresPoolClient['query'] &
    (<Row extends QueryResultRow>(statement: QueryConfig) => Promise<QueryResult<Row>>)
}

/** Gives the connection back by itself, and for good, when it fails in a way that leaves it unusable. */
export function lease(client: PoolClient): Lease {
  let held = true
  const release = (destroy: boolean) => {
    if (!held) return
    held = false
    client.release(destroy)
  }
  // biome-ignore lint/suspicious/noExplicitAny: pg answers a promise or a cursor, by what it is given
  const query = (sql: any, parameters?: any): any => {
    if (typeof sql.submit === 'function') return client.query(sql)
    return client.query(sql, parameters).catch((error: unknown) => {
      // Destroyed, not reused: a transaction or a query may still be open on it.
      if (TRANSACTION_EDGE.test(sql.text ?? sql) || isSilent(error)) release(true)
      throw error
    })
  }
  return { query, release: () => release(false) }
}
