/** A database with the service's tables and one workspace, full or empty, and the service upon it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/database.ts'
import type { Sql } from '../../src/domain/sql.ts'
import { createWorkspace } from '../../src/domain/workspaces.ts'
import { openJobs } from '../../src/jobs.ts'
import { silentLog } from '../../test/support/database.ts'
import { type Contender, startLeadpulse } from '../ingest/contenders.ts'
import type { LoadProcess } from '../ingest/load-process.ts'
import { fill } from './fill.ts'

/** Where the data is; the service is started with the same. */
export interface Storage {
  databaseUrl: string | null
  dataDir: string
}

export interface Size {
  leads: number
  messages: number
  longConversation: number
}

export const newDataDir = () => mkdtempSync(join(tmpdir(), 'leadpulse-growth-'))
export const removeDir = (dir: string) => rmSync(dir, { recursive: true, force: true })

/** The fill's statements take minutes: `client` has no limit of time.  */
export async function prepare(
  storage: Storage,
  size: Size | null,
  options: { client: Sql | null; say(what: string): void },
): Promise<void> {
  const database = await openDatabase({ ...storage, log: silentLog })
  const jobs = openJobs(database, silentLog)
  await jobs.start()
  const { id: workspaceId } = await database.transaction((tx) =>
    createWorkspace(tx, { name: 'Growth' }),
  )
  if (size) {
    const sql = options.client ?? database
    await fill(sql, { ...size, workspaceId, say: options.say })
  }
  await jobs.stop()
  await database.close()
}

const ADMIN_TOKEN = 'lp_growth_bench_admin_token_0123456789'

export type Growing = Contender & {
  get(path: string): Promise<{ ms: number; status: number; text: string }>
}

export async function startOn(
  name: string,
  storage: Storage,
  env: NodeJS.ProcessEnv = {},
): Promise<Growing> {
  const started = await startLeadpulse({
    ROLE: 'web',
    ADMIN_TOKEN,
    ...(storage.databaseUrl
      ? { DATABASE_URL: storage.databaseUrl }
      : { DATA_DIR: storage.dataDir }),
    ...env,
  })
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
  return {
    ...started,
    name,
    empty: null,
    stored: null,
    async get(path) {
      const begun = performance.now()
      const response = await fetch(`${started.service.url}${path}`, { headers })
      const text = await response.text()
      return { ms: performance.now() - begun, status: response.status, text }
    },
  }
}

/**
 * Makes the people of the load known, and in a full database people of long ago: their leads are
 * merged into filled ones from one end of the table to the other, so that a round's messages meet
 * pages from all over it.
 */
export async function acquaint(load: LoadProcess, contender: Contender, seconds: number) {
  await load.send(contender, {
    connections: 64,
    rate: null,
    warmUpMs: 0,
    measuredMs: seconds * 1000,
  })
}

export async function scatter(sql: Sql, since: Date): Promise<void> {
  await sql.query('set statement_timeout = 0')
  await sql.query(
    `create table scattered as
     with new as materialized (
       select id, row_number() over (order by id) as place
       from lead where created_at >= $1::timestamptz
     ), old as materialized (
       select id, row_number() over (order by id) as place
       from lead where created_at < $1::timestamptz
     ), step as materialized (
       select (select count(*) from old) / count(*) as places from new
     )
     select new.id as new, old.id as old
     from new join old on old.place = 1 + (new.place - 1) * (select places from step)`,
    [since.toISOString()],
  )
  await sql.query(
    'update lead_identity set lead_id = old from scattered where lead_id = scattered.new',
  )
  await sql.query('delete from lead using scattered where id = scattered.new')
  await sql.query('drop table scattered')
  await sql.query('vacuum analyze lead_identity')
}
