/**
 * The database: PostgreSQL when a URL is given, else the embedded PGlite in a directory. Same
 * entities, same migrations, same SQL. Opening it locks, connects and migrates.
 */
import type { Database, DatabaseOptions } from './database-orm.ts'
import { openPglite } from './database-pglite.ts'
import { openPostgres } from './database-server.ts'

export type { Database, DatabaseOptions } from './database-orm.ts'

/** Throws StartupError with one clear line for everything an operator can mend. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  return options.databaseUrl
    ? openPostgres(options.databaseUrl, options)
    : openPglite(options.dataDir, options)
}
