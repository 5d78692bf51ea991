/** PGlite: the embedded database in a directory that this process locks, or in memory. */
import { join } from 'node:path'
import { MikroORM } from '@mikro-orm/core'
import { PgliteDriver } from '@mikro-orm/pglite'
import { createPostgreSqlTypeParsers } from '@mikro-orm/postgresql'
import { PostgresDialect } from 'kysely'
import { lockDataDir } from './data-dir.ts'
import { openEmbedded } from './database-embedded.ts'
import { type DatabaseOptions, databaseOn, ormOptions } from './database-orm.ts'
import { keepUp } from './domain/upkeep.ts'
import { warnOf } from './log.ts'

/** The other would only wait for the session. */
const PGLITE_INGEST_TURNS = 1
export async function openPglite(dataDir: string, { log }: DatabaseOptions) {
  const inMemory = dataDir === 'memory'
  const lock = inMemory ? null : await lockDataDir(dataDir)
  const embedded = await openEmbedded({
    place: inMemory ? 'memory://' : join(dataDir, 'pglite'),
    asText: textTypes(),
    onLost(error) {
      log.fatal({ component: 'database', err: error }, 'the embedded database ended')
      // Nothing can be stored any more: a supervisor starts the service anew.
      throw error
    },
  })
  const orm = await MikroORM.init({
    ...ormOptions(),
    driver: PgliteDriver,
    dbName: 'postgres',
    driverOptions: new PostgresDialect({ pool: embedded.pool }),
    logger: (message: string) => log.info({ component: 'orm' }, message),
    colors: false,
  })
  await orm.migrator.up()
  const database = databaseOn(orm, {
    kind: 'pglite',
    jobsBackend: { embedded },
    ingest: {
      query: async <Row>(text: string, params: unknown[] = []) =>
        (await embedded.ingest(text, params)) as Row[],
      turns: PGLITE_INGEST_TURNS,
    },
    inBackground: (work) => embedded.inLane('background', work),
    pools: () => [embedded.meters()],
    close: async () => {
      await orm.close(true)
      await embedded.close()
      await lock?.release()
    },
  })
  // What was not analyzed in time before the process ended; nothing plans with it yet. The upkeep actor
  // tries again.
  await keepUp(database).catch(warnOf(log, 'upkeep'))
  return database
}

/** The types that the ORM wants as texts; its parsers are functions, which no thread can be sent. */
function textTypes(): number[] {
  const list = (text: string) => [text]
  return Object.entries(createPostgreSqlTypeParsers(list))
    .filter(([, parse]) => parse !== list)
    .map(([oid]) => Number(oid))
}
