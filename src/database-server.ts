/** PostgreSQL, a server: its pools, how long anything may wait for it, and migrating it alone. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { MikroORM } from '@mikro-orm/core'
import { createPostgreSqlTypeParsers, PostgreSqlDriver } from '@mikro-orm/postgresql'
import type { PostgresDialect } from 'kysely'
import { Client, type PoolConfig, TypeOverrides } from 'pg'
import array from 'postgres-array'
import { type DatabaseOptions, databaseOn, ormOptions } from './database-orm.ts'
import { metersOf, openPool, pooledDialect } from './database-pool.ts'
import { preparedSql } from './database-prepared.ts'
import { codeOf } from './domain/sql.ts'
import { StartupError } from './startup-error.ts'

const POSTGRES_VERSION_MIN = 14
/** One is stored while another is read and answered (bench/README.md). */
const POSTGRES_INGEST_TURNS = 2
/** Any constant will do, as long as every Leadpulse process takes the same one. */
const MIGRATION_LOCK = 7_229_411
const MIGRATION_ATTEMPTS_MAX = 5
const DEADLOCK = '40P01'
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

/** So many jobs may wait for a connection that two seconds are no sign of anything wrong. */
const backgroundWaits = { ...waits, connectionTimeoutMillis: 10_000 }

export async function openPostgres(url: string, { log, poolMax = 6 }: DatabaseOptions) {
  await checkServer(url)
  const poolOf = (limits: PoolConfig) =>
    openPool({
      ...limits,
      connectionString: url,
      types: typesOf(createPostgreSqlTypeParsers((text) => array.parse(text))),
      application_name: 'leadpulse',
      onBroken: (error) => log.warn({ component: 'database', code: codeOf(error) }, error.message),
    })
  const open = (dialect: PostgresDialect) =>
    MikroORM.init({
      ...ormOptions(),
      driver: PostgreSqlDriver,
      clientUrl: url,
      driverOptions: dialect,
      logger: (message: string) => log.info({ component: 'orm' }, message),
      colors: false,
    })
  const main = poolOf({ ...waits, max: poolMax })
  const background = poolOf({ ...backgroundWaits, max: poolMax })
  const isBackground = new AsyncLocalStorage<true>()
  const orm = await open(
    pooledDialect([main, background], () => (isBackground.getStore() ? background : main)),
  )
  // An index of a large table takes minutes: migrations are not bounded in time, nor in wait.
  await migrateAlone(url, orm, () => open(pooledDialect([poolOf({ keepAlive: true, max: 1 })])))
  const ingest = preparedSql({ ...ingestWaits, connectionString: url }, log)
  return databaseOn(orm, {
    kind: 'postgres',
    jobsBackend: { connectionString: url },
    ingest: { ...ingest.sql, turns: POSTGRES_INGEST_TURNS },
    inBackground: (work) => isBackground.run(true, work),
    pools: () => [metersOf('main', main), metersOf('background', background), ingest.meters()],
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
    for (let attempt = 1; ; attempt++) {
      const migrating = await open()
      try {
        await migrating.migrator.up()
        return
      } catch (error) {
        // A process of the version before, reading two tables, may hold the one and want the other.
        if (attempt < MIGRATION_ATTEMPTS_MAX && codeOf(error) === DEADLOCK) continue
        throw missingExtension(error)
      } finally {
        await migrating.close(true)
      }
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
