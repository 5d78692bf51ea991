/** A look at the database that changes nothing: for the doctor, and for what is left to migrate. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { Client } from 'pg'
import type { Config } from './config.ts'
import { lockDataDir } from './data-dir.ts'
import { checkServer } from './database-server.ts'

export interface Looked {
  version: string
  /** Names of migrations: not done yet; done by a newer version than this one. */
  pending: string[]
  unknown: string[]
  /** Our clock less the database's. */
  clockSeconds: number
  /** What is sealed, by the id of its connection. */
  sealed: { id: string; value: string }[]
}

type Query = (text: string) => Promise<Record<string, unknown>[]>

/** Throws StartupError as a start would. */
export async function lookAt({
  databaseUrl,
  dataDir,
}: Pick<Config, 'databaseUrl' | 'dataDir'>): Promise<Looked> {
  if (!databaseUrl) return lookAtPglite(dataDir)
  await checkServer(databaseUrl)
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await look(async (text) => (await client.query(text)).rows)
  } finally {
    await client.end().catch(() => {})
  }
}

async function lookAtPglite(dataDir: string): Promise<Looked> {
  if (!existsSync(join(dataDir, 'pglite'))) {
    return { version: '', pending: migrationNames(), unknown: [], clockSeconds: 0, sealed: [] }
  }
  const lock = await lockDataDir(dataDir)
  try {
    const pglite = await PGlite.create(join(dataDir, 'pglite'))
    try {
      return await look(async (text) => (await pglite.query(text)).rows as never)
    } finally {
      await pglite.close()
    }
  } finally {
    await lock.release()
  }
}

async function look(query: Query): Promise<Looked> {
  const [about] = await query(
    `select current_setting('server_version') as version,
       extract(epoch from clock_timestamp())::float8 as seconds,
       to_regclass('mikro_orm_migrations') is not null as migrated,
       to_regclass('connection') is not null as connections`,
  )
  const clockSeconds = Date.now() / 1000 - Number(about?.seconds)
  const rows = about?.migrated ? await query('select name from mikro_orm_migrations') : []
  const done = new Set(rows.map(({ name }) => String(name)))
  const known = migrationNames()
  return {
    version: String(about?.version),
    pending: known.filter((name) => !done.has(name)),
    unknown: [...done].filter((name) => !known.includes(name)),
    clockSeconds,
    sealed: about?.connections ? await sealedOf(query) : [],
  }
}

/** An older database may not have the second column yet. */
async function sealedOf(query: Query): Promise<Looked['sealed']> {
  const rows = await query(`select to_jsonb(connection) as row from connection`)
  return rows.flatMap(({ row }) => {
    const { id, sealed_signature, sealed_api_key } = row as Record<string, string | null>
    return [sealed_signature, sealed_api_key].flatMap((value) =>
      value ? [{ id: String(id), value }] : [],
    )
  })
}

/** As they are written down when they are done: without the ending. */
function migrationNames(): string[] {
  return readdirSync(join(import.meta.dirname, '../migrations'))
    .filter((file) => /^m.*\.ts$/.test(file))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort()
}
