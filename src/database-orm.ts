/** What both databases share: the ORM upon a connection, transactions, and SQL without the ORM. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { IsolationLevel, type MikroORM } from '@mikro-orm/core'
import { Migrator } from '@mikro-orm/migrations'
import type { AbstractSqlConnection } from '@mikro-orm/postgresql'
import { CompiledQuery, type Kysely } from 'kysely'
import type { Embedded } from './database-embedded.ts'
import type { PoolMeters } from './database-pool.ts'
import { entities } from './domain/entities/index.ts'
import { codeOf, type Sql, type Store, type TransactionOptions, type Tx } from './domain/sql.ts'
import type { Log } from './log.ts'

export interface Database extends Store {
  kind: 'postgres' | 'pglite'
  /** What pg-boss needs to use the same database. */
  jobsBackend: { embedded: Pick<Embedded, 'execute'> } | { connectionString: string }
  orm: MikroORM
  /**
   * For the ingest alone. On PostgreSQL it has connections of its own, so that no slow page or job
   * takes them, and keeps its statements prepared; give it a bounded number of different texts.
   * `turns`: so many transactions at once gain something; more make its groups smaller.
   */
  ingest: Sql & { turns: number }
  /**
   * For jobs and upkeep. On a server they have connections of their own; on the embedded database, which
   * has one session for all, they take turns with the ingest and with people who wait.
   */
  background: Store
  pools(): PoolMeters[]
  close(): Promise<void>
}

export interface DatabaseOptions {
  databaseUrl: string | null
  /** Where PGlite lives; `memory` keeps nothing (tests). */
  dataDir: string
  log: Log
  /** Connections of each of the two pools, pages and jobs; ingest and pg-boss have their own. */
  poolMax?: number
}

/** 40001 serialization failure, 40P01 deadlock: the whole transaction may be run again. */
const RETRYABLE = new Set(['40001', '40P01'])
const TRANSACTION_ATTEMPTS_MAX = 5

/** Settings that the ORM and its command line (migration check) share. */
export function ormOptions() {
  return {
    entities,
    extensions: [Migrator],
    // `path` only: with `pathTs` set, migrations are not found under pm2.
    migrations: {
      path: join(import.meta.dirname, '../migrations'),
      snapshot: false,
      glob: 'm*.ts',
    },
    forceUtcTimezone: true,
    // The triggers of lead_search have transition tables, which entities cannot say.
    schemaGenerator: { ignoreTriggers: true, ignoreRoutines: true },
  }
}

export function databaseOn(
  orm: MikroORM,
  {
    inBackground,
    ...rest
  }: Pick<Database, 'kind' | 'jobsBackend' | 'ingest' | 'pools' | 'close'> & {
    inBackground<T>(work: () => Promise<T>): Promise<T>
  },
): Database {
  const connection = () => orm.em.getDriver().getConnection() as unknown as AbstractSqlConnection
  const client = () => connection().getClient() as Kysely<unknown>
  let closing: Promise<void> | undefined
  const store: Store = {
    ...sqlOn(client),
    transaction: (work, options) => inTransaction(orm, work, options),
  }
  return {
    ...rest,
    ...store,
    orm,
    background: {
      query: (text, params) => inBackground(() => store.query(text, params)),
      transaction: (work, options) => inBackground(() => store.transaction(work, options)),
    },
    close: () => {
      closing ??= rest.close()
      return closing
    },
  }
}

async function inTransaction<T>(
  orm: MikroORM,
  work: (tx: Tx) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const isolation = options.snapshot
    ? { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true }
    : {}
  for (let attempt = 1; ; attempt++) {
    try {
      return await orm.em.fork().transactional((em) => {
        const context = em.getTransactionContext() as Kysely<unknown>
        return work({ em: em as unknown as Tx['em'], query: sqlOn(() => context).query })
      }, isolation)
    } catch (error) {
      if (attempt >= TRANSACTION_ATTEMPTS_MAX || !RETRYABLE.has(codeOf(error) ?? '')) throw error
      await delay(Math.random() * 10 * 2 ** attempt)
    }
  }
}

function sqlOn(client: () => Kysely<unknown>): Sql {
  return {
    async query<Row>(text: string, params: unknown[] = []) {
      const result = await client().executeQuery<Row>(CompiledQuery.raw(text, params))
      return result.rows
    },
  }
}
