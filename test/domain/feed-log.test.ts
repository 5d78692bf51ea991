/** The feed as it lies in the database: pages by number, positions, snapshots, tickets. */
import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import {
  feedPosition,
  feedStates,
  livingTokens,
  readFeed,
  readSnapshot,
} from '../../src/domain/feed-log.ts'
import { issueTicket, redeemTicket } from '../../src/domain/feed-tickets.ts'
import { testDatabase } from '../support/database.ts'
import { range, scoredWorkspace } from '../support/feed.ts'
import { suite } from '../support/suite.ts'

const test = suite('feed log')
let database: Database
const nobody = '019b0000-0000-7000-8000-00000000dead'

test.before(async () => {
  database = await testDatabase()
})
test.after(async () => {
  await database.close()
})

test('an event tells the whole state of its lead, in the words of the protocol', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead({ firstName: 'Ada', lastName: 'Byron', channel: 'sms' })
  await workspace.score(leadId, 2)
  await workspace.score(leadId, 4, 'gpt-5-nano')
  const page = await readFeed(database, { workspaceId: workspace.id, afterSeq: 1, limit: 10 })
  const [event] = page?.events ?? []
  assert.match(event?.scoredAt ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.equal(event, {
    seq: 2,
    leadId,
    leadName: 'Ada Byron',
    channel: 'sms',
    fitScore: 4,
    intentScore: 4,
    overallScore: 4,
    previousOverallScore: 2,
    scoreReasoning: 'Overall 4',
    sentimentTag: 'New',
    scoredAt: event?.scoredAt ?? '',
    model: 'gpt-5-nano',
    provisional: false,
    messageSeq: 2,
  })
})

test('a lead that goes back to unscored is an event without scores', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  await workspace.score(leadId, 1)
  await workspace.score(leadId, null)
  const page = await readFeed(database, { workspaceId: workspace.id, afterSeq: 1, limit: 10 })
  assert.is(page?.events[0]?.overallScore, null)
  assert.is(page?.events[0]?.previousOverallScore, 1)
  assert.is(page?.events[0]?.scoreReasoning, null)
})

test('who has no name is called by e-mail, phone, LinkedIn, else Unknown', async () => {
  const workspace = await scoredWorkspace(database)
  const email = { kind: 'email', value: 'ada@example.com' }
  const phone = { kind: 'phone', value: '+12125550187' }
  const linkedin = { kind: 'linkedin', value: 'https://www.linkedin.com/in/ada' }
  const provider = { kind: 'provider', value: 'unipile:1' }
  for (const identities of [[linkedin, phone, email], [linkedin, phone], [linkedin], [provider]]) {
    const own = identities.map(({ kind, value }, index) => ({
      kind,
      value: value
        .replace('ada', `ada${identities.length}${index}`)
        .replace('0187', `018${identities.length}`),
    }))
    await workspace.score(await workspace.addLead({ identities: own }), 3)
  }
  const page = await readFeed(database, { workspaceId: workspace.id, afterSeq: 0, limit: 10 })
  assert.equal(
    page?.events.map(({ leadName }) => leadName),
    ['ada32@example.com', '+12125550182', 'https://www.linkedin.com/in/ada10', 'Unknown'],
  )
})

test('pages follow each other without gap or repeat and say how far they reach', async () => {
  const workspace = await scoredWorkspace(database)
  const leadId = await workspace.addLead()
  for (const _ of range(1, 7)) await workspace.score(leadId, 3)
  const seen: number[] = []
  const reached: number[] = []
  for (let afterSeq = 0; afterSeq < 7; ) {
    const page = await readFeed(database, { workspaceId: workspace.id, afterSeq, limit: 3 })
    assert.is(page?.from, afterSeq + 1)
    assert.is(page?.head, 7)
    seen.push(...(page?.events.map(({ seq }) => seq) ?? []))
    reached.push(page?.to ?? 0)
    afterSeq = page?.to ?? 99
  }
  assert.equal(seen, range(1, 7))
  assert.equal(reached, [3, 6, 7])
})

test('an empty page reaches to the head; erased events do not hold it back', async () => {
  const workspace = await scoredWorkspace(database)
  const kept = await workspace.addLead()
  const erased = await workspace.addLead()
  await workspace.score(kept, 2)
  await workspace.score(erased, 2)
  await database.query('delete from lead where id = $1::uuid', [erased])
  const page = await readFeed(database, { workspaceId: workspace.id, afterSeq: 1, limit: 10 })
  assert.equal(
    [page?.events.length, page?.from, page?.to, page?.head, page?.oldest],
    [0, 2, 2, 2, 1],
  )
  const beyond = await readFeed(database, { workspaceId: workspace.id, afterSeq: 9, limit: 10 })
  assert.equal([beyond?.to, beyond?.head], [9, 2])
})

test('with no event kept, oldest is the next number', async () => {
  const workspace = await scoredWorkspace(database)
  await database.query('update workspace set feed_seq = 5 where id = $1::uuid', [workspace.id])
  const page = await readFeed(database, { workspaceId: workspace.id, afterSeq: 0, limit: 10 })
  assert.is(page?.oldest, 6)
})

test('many writers at once leave no gap', async () => {
  const workspace = await scoredWorkspace(database)
  const leads = await Promise.all(range(1, 8).map(() => workspace.addLead()))
  await Promise.all(leads.flatMap((lead) => [workspace.score(lead, 2), workspace.score(lead, 3)]))
  const position = await feedPosition(database, workspace.id)
  const page = await readFeed(database, { workspaceId: workspace.id, afterSeq: 0, limit: 100 })
  assert.equal(
    page?.events.map(({ seq }) => seq),
    range(1, position?.seq ?? 0),
  )
})

test('positions are answered for the workspaces that exist', async () => {
  const one = await scoredWorkspace(database)
  const two = await scoredWorkspace(database)
  await two.score(await two.addLead(), 3)
  const positions = await feedStates(database, [one.id, two.id, nobody])
  assert.is(positions.size, 2)
  assert.is(positions.get(one.id)?.seq, 0)
  assert.is(positions.get(two.id)?.seq, 1)
  assert.is(await feedPosition(database, nobody), null)
  assert.is(await readFeed(database, { workspaceId: nobody, afterSeq: 0, limit: 1 }), null)
  assert.is(await readSnapshot(database, { workspaceId: nobody, limit: 1 }), null)
})

test('a snapshot holds each lead once, unscored ones too, and no foreign one', async () => {
  const workspace = await scoredWorkspace(database)
  const foreign = await scoredWorkspace(database)
  await foreign.score(await foreign.addLead(), 4)
  const leads = []
  for (const _ of range(1, 5)) leads.push(await workspace.addLead())
  await workspace.score(leads[0] as string, 4)
  const seen: string[] = []
  let after: string | null = null
  do {
    const page = await readSnapshot(database, { workspaceId: workspace.id, limit: 2, after })
    assert.is(page?.position.seq, 1)
    seen.push(...(page?.leads.map(({ id }) => id) ?? []))
    after = page?.next ?? null
  } while (after)
  assert.equal(seen, leads)
  const page = await readSnapshot(database, { workspaceId: workspace.id, limit: 10 })
  assert.is(page?.next, null)
  assert.is(page?.leads[0]?.overallScore, 4)
  assert.is(page?.leads[0]?.messageSeq, 1)
  assert.is(page?.leads[1]?.scoredAt, null)
})

test('a ticket opens one door once, for its workspace, within its time', async () => {
  const { id: workspaceId } = await scoredWorkspace(database)
  const who = { workspaceId, role: 'viewer', actor: 'token:1', instanceAdmin: false } as const
  const now = new Date('2026-01-06T12:00:00Z')
  const { ticket, expiresAt } = await issueTicket(database, who, now)
  assert.is(expiresAt.getTime() - now.getTime(), 30_000)
  const stored = await database.query('select * from feed_ticket')
  assert.not.match(JSON.stringify(stored), ticket)
  const both = await Promise.all([
    redeemTicket(database, ticket, now),
    redeemTicket(database, ticket, now),
  ])
  assert.equal(
    both.filter((found) => found !== null),
    [{ workspaceId, role: 'viewer', actor: 'token:1' }],
  )
  assert.is(await redeemTicket(database, 'lp_unknown', now), null)
  const late = await issueTicket(database, who, now)
  assert.is(await redeemTicket(database, late.ticket, late.expiresAt), null)
})

test('tickets that nobody used are swept', async () => {
  const { id: workspaceId } = await scoredWorkspace(database)
  const who = { workspaceId, role: 'viewer', actor: 'token:1', instanceAdmin: false } as const
  await issueTicket(database, who, new Date('2026-01-06T12:00:00Z'))
  await issueTicket(database, who, new Date('2026-01-06T12:01:00Z'))
  const rows = await database.query('select 1 from feed_ticket')
  assert.is(rows.length, 1)
})

test('of tokens, those that are not revoked live', async () => {
  const { id: workspaceId } = await scoredWorkspace(database)
  const tokenId = '019b0000-0000-7000-8000-0000000000aa'
  await database.query(
    `insert into api_token (id, workspace_id, name, role, token_hash, created_by)
     values ($1::uuid, $2::uuid, 'a', 'viewer', 'x', 'test')`,
    [tokenId, workspaceId],
  )
  assert.equal(await livingTokens(database, [tokenId, nobody]), new Set([tokenId]))
})

test.run()
