/**
 * The database: PostgreSQL when a URL is given, else the embedded PGlite in a directory. Same
 * entities, same migrations, same SQL. Opening it locks, connects and migrates.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { IsolationLevel, MikroORM } from '@mikro-orm/core'
import { Migrator } from '@mikro-orm/migrations'
import { PgliteDriver } from '@mikro-orm/pglite'
import {
  type AbstractSqlConnection,
  createPostgreSqlTypeParsers,
  PostgreSqlDriver,
} from '@mikro-orm/postgresql'
import { CompiledQuery, type Kysely } from 'kysely'
import { Client, type Pool, type PoolConfig, TypeOverrides } from 'pg'
import array from 'postgres-array'
import { lockDataDir } from './data-dir.ts'
import { metersOf, type PoolMeters, pooledDialect } from './database-pool.ts'
import { preparedSql } from './database-prepared.ts'
import { entities } from './domain/entities/index.ts'
import { codeOf, type Sql, type Store, type TransactionOptions, type Tx } from './domain/sql.ts'
import { keepUp } from './domain/upkeep.ts'
import { type Log, warnOf } from './log.ts'
import { StartupError } from './startup-error.ts'

export interface Database extends Store {
  kind: 'postgres' | 'pglite'
  /** What pg-boss needs to use the same database. */
  jobsBackend: { pglite: PGlite } | { connectionString: string }
  orm: MikroORM
  /**
   * For the ingest alone. On PostgreSQL it has connections of its own, so that no slow page or job
   * takes them, and keeps its statements prepared; give it a bounded number of different texts.
   * `turns`: so many transactions at once gain something; more make its groups smaller.
   */
  ingest: Sql & { turns: number }
  /** The connections to a server; PGlite has none. */
  pools(): PoolMeters[]
  close(): Promise<void>
}

export interface DatabaseOptions {
  databaseUrl: string | null
  /** Where PGlite lives; `memory` keeps nothing (tests). */
  dataDir: string
  log: Log
  /** Connections of the ORM's pool; pg-boss has its own few. */
  poolMax?: number
}

const POSTGRES_VERSION_MIN = 14
/** One is stored while another is read and answered (bench/README.md). */
const POSTGRES_INGEST_TURNS = 2
/** Any constant will do, as long as every Leadpulse process takes the same one. */
const MIGRATION_LOCK = 7_229_411
/** 40001 serialization failure, 40P01 deadlock: the whole transaction may be run again. */
const RETRYABLE = new Set(['40001', '40P01'])
const TRANSACTION_ATTEMPTS_MAX = 5

/** Throws StartupError with one clear line for everything an operator can mend. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  return options.databaseUrl
    ? openPostgres(options.databaseUrl, options)
    : openPglite(options.dataDir, options)
}

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

/** Every wait on the server is bounded: all of these are off by default. */
const waits = {
  connectionTimeoutMillis: 2000,
  statement_timeout: 15_000,
  // A machine or network that went silent sends no timeout of its own; longer than the server's.
  query_timeout: 20_000,
  lock_timeout: 5000,
  idle_in_transaction_session_timeout: 20_000,
  keepAlive: true,
}

/**
 * A group takes milliseconds, and its channel waits for it: on a connection that went silent no longer
 * than this. The senders were told to come again before.
 */
const ingestWaits = { ...waits, statement_timeout: 4000, lock_timeout: 3000, query_timeout: 5000 }

async function openPostgres(url: string, { log, poolMax = 12 }: DatabaseOptions) {
  await checkServer(url)
  const pools: (() => PoolMeters)[] = []
  const open = (limits: PoolConfig, onOpen = (_pool: Pool) => {}) =>
    MikroORM.init({
      ...ormOptions(),
      driver: PostgreSqlDriver,
      clientUrl: url,
      driverOptions: pooledDialect({
        ...limits,
        connectionString: url,
        types: typesOf(createPostgreSqlTypeParsers((text) => array.parse(text))),
        application_name: 'leadpulse',
        onOpen,
        onBroken: (error) =>
          log.warn({ component: 'database', code: codeOf(error) }, error.message),
      }),
      logger: (message: string) => log.info({ component: 'orm' }, message),
      colors: false,
    })
  const orm = await open({ ...waits, max: poolMax }, (pool) =>
    pools.push(() => metersOf('main', pool)),
  )
  // An index of a large table takes minutes: migrations are not bounded in time, nor in wait.
  await migrateAlone(url, orm, () => open({ keepAlive: true, max: 1 }))
  const ingest = preparedSql({ ...ingestWaits, connectionString: url }, log)
  return databaseOn(orm, {
    kind: 'postgres',
    jobsBackend: { connectionString: url },
    ingest: { ...ingest.sql, turns: POSTGRES_INGEST_TURNS },
    pools: () => [...pools.map((meters) => meters()), ingest.meters()],
    close: async () => {
      await ingest.close()
      await orm.close(true)
    },
  })
}

/** The parsers of the ORM, for a pool that the ORM did not make. */
function typesOf(parsers: ReturnType<typeof createPostgreSqlTypeParsers>): TypeOverrides {
  const types = new TypeOverrides()
  for (const [oid, parser] of Object.entries(parsers)) types.setTypeParser(Number(oid), parser)
  return types
}

async function openPglite(dataDir: string, { log }: DatabaseOptions) {
  const inMemory = dataDir === 'memory'
  const lock = inMemory ? null : await lockDataDir(dataDir)
  const parsers = createPostgreSqlTypeParsers((text) => array.parse(text))
  const place = inMemory ? 'memory://' : join(dataDir, 'pglite')
  const pglite = await PGlite.create(place, { parsers, extensions: { pg_trgm } })
  const orm = await MikroORM.init({
    ...ormOptions(),
    driver: PgliteDriver,
    dbName: 'postgres',
    driverOptions: { pglite },
    logger: (message: string) => log.info({ component: 'orm' }, message),
    colors: false,
  })
  await orm.migrator.up()
  const database = databaseOn(orm, {
    kind: 'pglite',
    jobsBackend: { pglite },
    close: async () => {
      await orm.close(true)
      await pglite.close()
      await lock?.release()
    },
  })
  // What was not analyzed in time before the process ended; nothing plans with it yet. The upkeep actor
  // tries again.
  await keepUp(database).catch(warnOf(log, 'upkeep'))
  return database
}

function databaseOn(
  orm: MikroORM,
  rest: Pick<Database, 'kind' | 'jobsBackend' | 'close'> &
    Partial<Pick<Database, 'ingest' | 'pools'>>,
): Database {
  const connection = () => orm.em.getDriver().getConnection() as unknown as AbstractSqlConnection
  const client = () => connection().getClient() as Kysely<unknown>
  let closing: Promise<void> | undefined
  const { query } = sqlOn(client)
  return {
    ingest: { query, turns: 1 },
    pools: () => [],
    ...rest,
    orm,
    query,
    fork: () => orm.em.fork() as unknown as Tx['em'],
    transaction: (work, options) => inTransaction(orm, work, options),
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

/** Throws StartupError: not reachable, or too old. */
export async function checkServer(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version_num: string }>('show server_version_num')
    const version = Math.floor(Number(rows[0]?.server_version_num) / 10_000)
    if (version < POSTGRES_VERSION_MIN) {
      throw new StartupError(
        `DATABASE_URL: the server is PostgreSQL ${version}, takes ${POSTGRES_VERSION_MIN} or newer`,
      )
    }
  } catch (error) {
    if (error instanceof StartupError) throw error
    const cause = codeOf(error) ?? (error as Error).message
    throw new StartupError(`DATABASE_URL: cannot connect to the database (${cause})`, {
      cause: error,
    })
  } finally {
    await client.end().catch(() => {})
  }
}

/** Migrates under a session lock: of several processes that start together one does the work. */
async function migrateAlone(
  url: string,
  orm: MikroORM,
  open: () => Promise<MikroORM>,
): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    if ((await orm.migrator.getPending()).length === 0) return
    const migrating = await open()
    try {
      await migrating.migrator.up()
    } catch (error) {
      throw missingExtension(error)
    } finally {
      await migrating.close(true)
    }
  } finally {
    await client.end().catch(() => {})
  }
}

/** The search of the lead list needs one that not every installation has, or lets everybody create. */
function missingExtension(error: unknown): unknown {
  if (!/extension "pg_trgm"/.test((error as Error).message)) return error
  return new StartupError(
    'DATABASE_URL: takes a server with the extension pg_trgm (of the contrib package); its administrator creates it with: create extension pg_trgm',
    { cause: error },
  )
}
