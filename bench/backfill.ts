/**
 * How long it takes to send the scoring jobs of 100,000 leads on PostgreSQL: `npm run bench:backfill`
 * (`LEADS` takes another number). Uses TEST_DATABASE_URL, else starts a PostgreSQL of its own.
 * Nothing scores meanwhile; every page is what the service sends.
 */
import { Client } from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { openDatabase } from '../src/database.ts'
import {
  backfillPage,
  type DuePage,
  runningBackfills,
  startBackfill,
} from '../src/domain/backfill.ts'
import type { Store } from '../src/domain/sql.ts'
import { SCORING_QUEUE } from '../src/job-queues.ts'
import { openJobs } from '../src/jobs.ts'
import { scoringPriority } from '../src/scoring-priority.ts'
import { silentLog } from '../test/support/database.ts'
import { makeWorkspace } from '../test/support/events.ts'
import { startPostgres } from '../test/support/postgres.ts'

const LEADS = Number(process.env.LEADS ?? 100_000)
const LIMIT_SECONDS = 30
const PAGE = 1000

async function main(): Promise<void> {
  const given = process.env.TEST_DATABASE_URL
  const server = given ? null : await startPostgres()
  const serverUrl = given ?? server?.url ?? ''
  const name = `lp_bench_${uuidv7().replaceAll('-', '')}`
  await onServer(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  try {
    await measure(url.href)
  } finally {
    if (server) await server.stop()
    else await onServer(serverUrl, `drop database if exists ${name} with (force)`)
  }
}

async function measure(databaseUrl: string): Promise<void> {
  const database = await openDatabase({ databaseUrl, dataDir: '', log: silentLog })
  const jobs = openJobs(database, silentLog)
  await jobs.start()
  const { id: workspaceId } = await makeWorkspace(database)
  await insertLeads(database, workspaceId)

  const startedAt = performance.now()
  await database.transaction((tx) =>
    startBackfill(tx, { workspaceId, scope: 'all', ratePerSecond: null, createdBy: 'bench' }),
  )
  let [run] = await runningBackfills(database)
  let due: DuePage | undefined
  while (run) {
    const page = await backfillPage(database, run, {
      limit: PAGE,
      send: (tx, leads) => jobs.sendScoring(tx, leads, scoringPriority.backfill),
      isAhead: true,
      due,
    })
    run = page?.run
    due = page?.next
  }
  const seconds = (performance.now() - startedAt) / 1000
  const [sent] = await database.query<{ count: number | string }>(
    `select count(*) as count from pgboss.job where name = $1 and state = 'created'`,
    [SCORING_QUEUE],
  )
  await jobs.stop()
  await database.close()
  const count = Number(sent?.count)
  const rate = Math.round(LEADS / seconds)
  process.stdout.write(
    `backfill: ${count} of ${LEADS} leads enqueued in ${seconds.toFixed(1)} s (${rate}/s), ` +
      `at most ${LIMIT_SECONDS} s\n`,
  )
  if (count !== LEADS || seconds > LIMIT_SECONDS) process.exitCode = 1
}

/** At a time: all at once would reach the limit that the service sets its statements. */
const INSERTED = 5000

/** Each with one inbound message and a score that covers it. */
async function insertLeads(store: Store, workspaceId: string): Promise<void> {
  for (let from = 0; from < LEADS; from += INSERTED) {
    await insertSome(store, workspaceId, Math.min(INSERTED, LEADS - from))
  }
  await store.query('analyze lead, message')
}

async function insertSome(store: Store, workspaceId: string, count: number): Promise<void> {
  await store.query(
    `insert into lead (id, workspace_id, first_name, message_seq, scored_seq, overall_score,
       fit_score, intent_score, scored_by, channels, last_channel)
     select gen_random_uuid(), $1::uuid, 'Lead ' || n, 1, 1, 2, 2, 2, 'rules-v1', '{email}', 'email'
     from generate_series(1, $2::int) as n`,
    [workspaceId, count],
  )
  await store.query(
    `insert into message (id, workspace_id, lead_id, channel, provider, direction, kind, dedupe_key,
       body, sent_at, seq)
     select gen_random_uuid(), workspace_id, id, 'email', 'generic', 'inbound', 'text', id::text,
       'What would it cost for 40 seats?', now(), 1
     from lead
     where workspace_id = $1::uuid
       and not exists (select 1 from message where message.lead_id = lead.id)`,
    [workspaceId],
  )
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

await main()
