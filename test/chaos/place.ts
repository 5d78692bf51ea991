/** Where a scenario's service keeps its data, and how the checker reads it afterwards. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Pool } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { openDatabase } from '../../src/database.ts'
import { silentLog } from '../support/database.ts'
import type { Belongings } from './belongings.ts'

export interface Reader {
  query<Row = Record<string, unknown>>(text: string, params?: unknown[]): Promise<Row[]>
  close(): Promise<void>
}

export interface Place {
  storage: 'postgres' | 'pglite'
  /** Null: embedded, one process at a time. */
  databaseUrl: string | null
  env: NodeJS.ProcessEnv
  /** A data directory for one more process. */
  dataDir(): string
  /** On PGlite only after the service has ended: its directory serves one process. */
  open(): Promise<Reader>
  remove(): Promise<void>
}

/** A database of its own on the server; the server's own when `url` is of a private one. */
export async function postgresPlace(url: string, belongings: Belongings): Promise<Place> {
  const name = `lp_chaos_${uuidv7().replaceAll('-', '')}`
  await onServer(url, `create database ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  const directories: string[] = []
  const remove = belongings.add(async () => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
    await onServer(url, `drop database if exists ${name} with (force)`)
  })
  return {
    storage: 'postgres',
    databaseUrl: own.href,
    env: { DATABASE_URL: own.href },
    dataDir: () => newDirectory(directories),
    open: async () => poolReader(own.href),
    remove,
  }
}

export async function pglitePlace(belongings: Belongings): Promise<Place> {
  const directories: string[] = []
  const dataDir = newDirectory(directories)
  const remove = belongings.add(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  })
  return {
    storage: 'pglite',
    databaseUrl: null,
    env: {},
    dataDir: () => dataDir,
    async open() {
      const database = await openDatabase({ databaseUrl: null, dataDir, log: silentLog })
      return { query: database.query, close: database.close }
    },
    remove,
  }
}

function newDirectory(directories: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'leadpulse-chaos-'))
  directories.push(directory)
  return directory
}

function poolReader(connectionString: string): Reader {
  const pool = new Pool({ connectionString, max: 2, connectionTimeoutMillis: 2000 })
  // The database is killed on purpose; without a listener that would end the harness.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return {
    query: async <Row>(text: string, params: unknown[] = []) =>
      (await pool.query(text, params)).rows as Row[],
    close: () => pool.end(),
  }
}

async function onServer(connectionString: string, statement: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
