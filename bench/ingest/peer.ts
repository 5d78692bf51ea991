/**
 * What Leadpulse is compared with, as a process: `node bench/ingest/peer.ts pgboss|graphile|http`
 * with DATABASE_URL. Each is Leadpulse's own server and webhook route (same Fastify, hooks, token
 * look-up, provider parsing with zod) with another intake behind it:
 *
 * `pgboss`, `graphile`: one MikroORM transaction per request with lead, message and job, as a good
 * engineer would write it with the same libraries. `http` answers what it parsed and stores nothing.
 */
import { runMigrations } from 'graphile-worker'
import { PgBoss } from 'pg-boss'
import type { Intake } from '../../src/actors/intake.ts'
import { openDatabase } from '../../src/database.ts'
import type { Sql } from '../../src/domain/sql.ts'
import { silentLog } from '../../test/support/database.ts'
import { answerOnly, type EnqueueJob, storePerRequest } from './peer-intake.ts'
import { servePeer } from './peer-server.ts'

const QUEUE = 'peer-post-process'
const [kind, poolMax = '12'] = process.argv.slice(2)
const databaseUrl = process.env.DATABASE_URL ?? ''

const database = await openDatabase({ databaseUrl, dataDir: '', log: silentLog })
process.send?.(await servePeer(database, await intakeOf()))

async function intakeOf(): Promise<Intake> {
  switch (kind) {
    case 'http':
      return answerOnly()
    case 'pgboss':
      return storePerRequest(databaseUrl, Number(poolMax), await pgbossJobs())
    case 'graphile':
      return storePerRequest(databaseUrl, Number(poolMax), await graphileJobs())
    default:
      throw new Error(`kind: got ${kind}, takes pgboss, graphile or http`)
  }
}

async function pgbossJobs(): Promise<EnqueueJob> {
  const boss = new PgBoss({ connectionString: databaseUrl, schema: 'peer_boss', max: 4 })
  boss.on('error', (error) => process.stderr.write(`${error.message}\n`))
  await boss.start()
  await boss.createQueue(QUEUE)
  return async (sql, data) => {
    const db = {
      executeSql: async (text: string, values?: unknown[]) => ({
        rows: (await sql.query(text, values)) as object[],
      }),
    }
    await boss.send(QUEUE, data, { db })
  }
}

async function graphileJobs(): Promise<EnqueueJob> {
  await runMigrations({ connectionString: databaseUrl })
  return async (sql: Sql, data) => {
    await sql.query('select graphile_worker.add_job($1, $2::json)', [QUEUE, JSON.stringify(data)])
  }
}
