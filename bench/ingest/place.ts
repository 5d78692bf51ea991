/**
 * Where a bench runs: one PostgreSQL with settings as in production (it waits for the disk on every
 * commit), and a database per contender that is emptied between rounds.
 */
import { Client } from 'pg'
import { startPostgres } from '../../test/support/postgres.ts'

export interface Place {
  url: string
  version: string
  createDatabase(name: string): Promise<BenchDatabase>
  stop(): Promise<void>
}

export interface BenchDatabase {
  url: string
  /** Removes every row of the tables that exist of these. */
  empty(tables: readonly string[]): Promise<void>
  client: Client
}

/** Checkpoints are left to the time between rounds, where they trouble nobody; no safety is off. */
const SETTINGS = ['shared_buffers=1GB', 'max_wal_size=8GB', 'checkpoint_timeout=30min']

export async function openPlace(): Promise<Place> {
  const server = await startPostgres(SETTINGS)
  const admin = await connected(server.url)
  const { rows } = await admin.query<{ server_version: string }>('show server_version')
  const clients: Client[] = [admin]
  return {
    url: server.url,
    version: rows[0]?.server_version ?? '',
    async createDatabase(name) {
      await admin.query(`create database ${name}`)
      const url = new URL(server.url)
      url.pathname = `/${name}`
      const client = await connected(url.href)
      clients.push(client)
      return { url: url.href, client, empty: (tables) => emptyTables(client, tables) }
    },
    async stop() {
      await Promise.all(clients.map((client) => client.end()))
      await server.stop()
    },
  }
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function emptyTables(client: Client, tables: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where to_regclass(name) is not null',
    [tables],
  )
  if (rows.length === 0) return
  await client.query(`truncate ${rows.map(({ name }) => name).join(', ')} cascade`)
  await client.query('checkpoint')
}
