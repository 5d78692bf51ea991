import { v7 as uuidv7 } from 'uuid'
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import { audit } from '../../src/domain/audit.ts'
import { storeGroup } from '../../src/domain/ingest/store-group.ts'
import { keepRejected } from '../../src/domain/keep-rejected.ts'
import { PRUNE_BATCH, pruner } from '../../src/domain/retention.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace, offeredEvent } from '../support/events.ts'
import { insertLead } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('retention')
const DAY_MS = 86_400_000
const days = { scoreEvents: 30, rejected: 20, payloads: 10, audit: 365, aiCalls: 400, leads: null }
let database: Database
let workspace: string

test.before(async () => {
  database = await testDatabase()
  workspace = (await makeWorkspace(database)).id
})
test.after(() => database.close())

const now = () => Date.now()
const count = async (sql: string) =>
  Number((await database.query<{ n: unknown }>(`select count(*) as n from ${sql}`))[0]?.n)
const nobody = async () => {}

test('payloads and steps go with age, in batches, and their messages stay', async () => {
  const total = PRUNE_BATCH + 5
  const offered = Array.from({ length: total }, () =>
    offeredEvent(workspace, { payload: { kept: true } }),
  )
  await storeGroup(database, offered, nobody)
  await database.query(
    `insert into message_step (message_id, step, state) select id, 'rules', 'done' from message`,
  )
  const early = await pruner(database, days, nobody).prune(now() + 9 * DAY_MS)
  assert.is(early.pruned.payloads, 0)
  assert.is(await count('message_step'), total)
  const prune = pruner(database, days, nobody)
  const later = now() + 11 * DAY_MS
  const first = await prune.prune(later)
  assert.equal([first.pruned.payloads, first.more], [PRUNE_BATCH, true])
  const second = await prune.prune(later)
  assert.equal([second.pruned.payloads, second.more], [5, false])
  assert.is(await count('message'), total)
  assert.is(await count('message where payload is not null'), 0)
  assert.is(await count('message_step'), 0)
})

test('score events go oldest first, and the newest stays for those who resume', async () => {
  await storeGroup(database, [offeredEvent(workspace)], nobody)
  const ids = ['2026-01-01', '2026-01-02', '2026-01-03']
  for (const [index, day] of ids.entries()) {
    await database.query(
      `insert into score_event (workspace_id, seq, lead_id, model, prompt_version, message_seq,
         sentiment_tag, scored_at)
       select $1::uuid, $2::bigint, id, 'm', 'p', 9000 + $2::bigint, 'New', $3::timestamptz
       from lead limit 1`,
      [workspace, index + 1, day],
    )
  }
  await database.query('update workspace set feed_seq = 3 where id = $1::uuid', [workspace])
  const before = Date.parse('2026-01-01T12:00:00Z') + 30 * DAY_MS
  assert.is((await pruner(database, days, nobody).prune(before)).pruned.scoreEvents, 1)
  assert.is(
    (await pruner(database, days, nobody).prune(before + 90 * DAY_MS)).pruned.scoreEvents,
    1,
  )
  assert.is(await count('score_event where seq = 3'), 1)
})

test('rejected deliveries go with age', async () => {
  await keepRejected(database, {
    workspaceId: workspace,
    connectionId: uuidv7(),
    channel: 'email',
    provider: 'postmark',
    reason: 'odd',
    field: null,
    contentType: null,
    rawBody: Buffer.from('{}'),
  })
  assert.is((await pruner(database, days, nobody).prune(now() + 19 * DAY_MS)).pruned.rejected, 0)
  assert.is((await pruner(database, days, nobody).prune(now() + 21 * DAY_MS)).pruned.rejected, 1)
  assert.is(await count('rejected_delivery'), 0)
})

test('audit events and the accounting of AI calls go with age', async () => {
  const who = { workspaceId: workspace, actor: 'instance-admin' }
  await audit(database, who, { action: 'settings.update', targetId: null })
  await database.query(
    `insert into ai_interaction (id, workspace_id, source, feature_id, prompt_version,
       requested_model, model, outcome, latency_ms)
     values (gen_random_uuid(), $1::uuid, 's', 'f', 'v', 'm', 'm', 'ok', 1)`,
    [workspace],
  )
  const at = async (day: number) => {
    const { pruned } = await pruner(database, days, nobody).prune(now() + day * DAY_MS)
    return [pruned.audit, pruned.aiCalls]
  }
  assert.equal(await at(364), [0, 0])
  assert.equal(await at(366), [1, 0])
  assert.equal(await at(401), [0, 1])
})

test('people of whom nothing was heard for long are erased, where that is asked for', async () => {
  await database.query('delete from lead')
  const lead = (name: string, lastActivityAt: string) =>
    insertLead(database, { workspaceId: workspace, firstName: name, lastActivityAt })
  const silent = await lead('Silent', '2026-01-01T00:00:00Z')
  await lead('Busy', '2026-06-01T00:00:00Z')
  const later = Date.parse('2026-07-01T00:00:00Z')
  const forgotten: string[] = []
  const forget = async (_tx: unknown, { leadId }: { leadId: string }) => void forgotten.push(leadId)
  const kept = await pruner(database, days, forget).prune(later)
  assert.is(kept.pruned.leads, 0)
  const { pruned } = await pruner(database, { ...days, leads: 90 }, forget).prune(later)
  assert.is(pruned.leads, 1)
  assert.equal(forgotten, [silent])
  assert.is(await count(`lead where first_name = 'Busy'`), 1)
  assert.is(await count('lead'), 1)
})

test.run()
