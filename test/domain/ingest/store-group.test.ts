import * as assert from 'uvu/assert'
import type { Database } from '../../../src/database.ts'
import { LostRaceError } from '../../../src/domain/ingest/lost-race.ts'
import type { Offered, Stored } from '../../../src/domain/ingest/offered.ts'
import { type NewInbound, storeGroup } from '../../../src/domain/ingest/store-group.ts'
import { codeOf } from '../../../src/domain/sql.ts'
import { storage, testDatabase } from '../../support/database.ts'
import { makeWorkspace, offeredEvent } from '../../support/events.ts'
import { suite } from '../../support/suite.ts'

const test = suite('store a group of events')
let database: Database
let workspace: string
let other: string
let enqueued: NewInbound[] = []

test.before(async () => {
  database = await testDatabase()
  workspace = (await makeWorkspace(database)).id
  other = (await makeWorkspace(database, 'Other')).id
})
test.before.each(async () => {
  enqueued = []
  await database.query('delete from lead')
})
test.after(() => database.close())

async function store(...offered: Offered[]): Promise<Stored[]> {
  for (let attempt = 1; ; attempt++) {
    const jobs: NewInbound[] = []
    try {
      const stored = await storeGroup(
        database,
        offered,
        async (_sql, messages) => void jobs.push(...messages),
      )
      enqueued.push(...jobs)
      return stored
    } catch (error) {
      if (!(error instanceof LostRaceError) || attempt >= 50) throw error
    }
  }
}
const leads = () =>
  database.query<{ id: string; messageSeq: unknown; firstName: string | null; channels: string[] }>(
    `select id, message_seq as "messageSeq", first_name as "firstName", channels,
       sentiment_tag as "sentimentTag" from lead order by id`,
  )
const statuses = (stored: Stored[]) => stored.map(({ status }) => status)

test('an inbound message makes its lead, takes its first number and owes a job', async () => {
  const [stored] = await store(offeredEvent(workspace, { lead: { email: 'a@x.example' } }))
  assert.is(stored?.status, 'accepted')
  const [lead] = await leads()
  assert.is(Number(lead?.messageSeq), 1)
  assert.equal(lead?.channels, ['email'])
  assert.is(enqueued.length, 1)
  assert.is(enqueued[0]?.leadId, lead?.id)
})

test('an echo of our own message is stored, moves no number and owes no job', async () => {
  const [stored] = await store(offeredEvent(workspace, { direction: 'outbound' }))
  assert.is(stored?.status, 'accepted')
  assert.is(Number((await leads())[0]?.messageSeq), 0)
  assert.equal(enqueued, [])
})

test('the same key is a duplicate in the same group, in a later one and by its alias', async () => {
  const event = { dedupeKey: 'k1' }
  const first = await store(offeredEvent(workspace, event), offeredEvent(workspace, event))
  assert.equal(statuses(first), ['accepted', 'duplicate'])
  const later = await store(
    offeredEvent(workspace, event),
    offeredEvent(workspace, { dedupeKey: 'k2', dedupeAliases: ['k1'] }),
  )
  assert.equal(statuses(later), ['duplicate', 'duplicate'])
  const accepted = first[0]
  assert.is(
    later[0]?.status === 'duplicate' && later[0].messageId,
    accepted?.status === 'accepted' && accepted.messageId,
  )
  assert.is(Number((await leads())[0]?.messageSeq), 1)
})

test('the same key in two workspaces is two messages of two leads', async () => {
  const event = { dedupeKey: 'shared' }
  const stored = await store(offeredEvent(workspace, event), offeredEvent(other, event))
  assert.equal(statuses(stored), ['accepted', 'accepted'])
  assert.is((await leads()).length, 2)
})

test('one person is recognised across channels and gathers identities', async () => {
  await store(
    offeredEvent(workspace, { lead: { email: 'Dana@Harlow.example', phone: '+12125550187' } }),
  )
  await store(
    offeredEvent(workspace, {
      channel: 'sms',
      lead: { phone: '(212) 555-0187', linkedinUrl: 'linkedin.com/in/Dana-Whit/' },
    }),
  )
  await store(
    offeredEvent(workspace, {
      channel: 'linkedin',
      lead: { linkedinUrl: 'https://www.linkedin.com/in/dana-whit' },
    }),
  )
  const all = await leads()
  assert.is(all.length, 1)
  assert.is(Number(all[0]?.messageSeq), 3)
  assert.equal(all[0]?.channels, ['email', 'linkedin', 'sms'])
})

test('new leads are shared inside a group, and messages are numbered in order', async () => {
  const group = ['one', 'two', 'three'].map((body) => offeredEvent(workspace, { body }))
  await store(...group)
  const rows = await database.query<{ body: string; seq: unknown }>(
    'select body, seq from message order by seq',
  )
  assert.equal(
    rows.map(({ body, seq }) => `${body} ${Number(seq)}`),
    ['one 1', 'two 2', 'three 3'],
  )
})

test('an identity of another lead stays there: two people are not melted into one', async () => {
  await store(offeredEvent(workspace, { lead: { email: 'a@x.example', phone: '+12125550100' } }))
  await store(offeredEvent(workspace, { lead: { email: 'b@x.example' } }))
  await store(offeredEvent(workspace, { lead: { email: 'b@x.example', phone: '+12125550100' } }))
  assert.equal((await leads()).map(({ messageSeq }) => Number(messageSeq)).sort(), [1, 2])
})

test('a phone number joins no contacts that the provider account tells apart', async () => {
  const contact = (id: string, email?: string) =>
    offeredEvent(workspace, {
      channel: 'sms',
      lead: { provider: { scope: 'crm:1', id }, email, phone: '+12125550100' },
    })
  // In one group and in the next: the first is what the account knows of Dana, the others are Jo's.
  await store(contact('dana', 'dana@x.example'), contact('jo', 'jo@x.example'))
  await store(contact('jo', 'jo@x.example'))
  await store(contact('al'))
  assert.equal((await leads()).map(({ messageSeq }) => Number(messageSeq)).sort(), [1, 1, 2])
  // The number alone, another account, and a contact that was made anew are Dana still.
  await store(offeredEvent(workspace, { channel: 'sms', lead: { phone: '+12125550100' } }))
  await store(
    offeredEvent(workspace, {
      lead: { provider: { scope: 'crm:2', id: '7' }, phone: '+12125550100' },
    }),
  )
  await store(contact('dana again', 'dana@x.example'))
  assert.equal((await leads()).map(({ messageSeq }) => Number(messageSeq)).sort(), [1, 2, 4])
})

test('facts fill gaps and never overwrite', async () => {
  await store(offeredEvent(workspace, { lead: { email: 'a@x.example' } }))
  await store(offeredEvent(workspace, { lead: { email: 'a@x.example', firstName: 'Dana' } }))
  await store(offeredEvent(workspace, { lead: { email: 'a@x.example', firstName: 'D.' } }))
  assert.is((await leads())[0]?.firstName, 'Dana')
})

test('a label annotates a known lead and makes none', async () => {
  const label = { kind: 'label' as const, body: null, labelTag: 'Meeting Booked' as const }
  const unknown = await store(offeredEvent(workspace, label))
  assert.equal(statuses(unknown), ['ignored'])
  assert.is((await leads()).length, 0)
  await store(offeredEvent(workspace))
  await store(offeredEvent(workspace, label))
  const [lead] = (await leads()) as { sentimentTag?: string }[]
  assert.is(lead?.sentimentTag, 'Meeting Booked')
})

test('a message from the future is filed at its receipt', async () => {
  const receivedAt = new Date('2026-01-06T12:00:00Z')
  await store(offeredEvent(workspace, { receivedAt, sentAt: new Date('2031-01-01T00:00:00Z') }))
  const [row] = await database.query<{ at: string }>('select sent_at as at from message')
  assert.is(new Date(row?.at ?? '').toISOString(), receivedAt.toISOString())
})

test('concurrent groups over the same new and old leads neither deadlock nor double', async () => {
  // One connection serves PGlite: there the groups run in turn, and the count must hold all the same.
  const rounds = storage === 'postgres' ? 12 : 4
  const people = Array.from({ length: 20 }, (_, n) => ({
    email: `p${n}@x.example`,
    phone: `+121255501${String(n).padStart(2, '0')}`,
  }))
  const shuffled = (round: number) =>
    [...people].sort(
      (a, b) =>
        ((a.email.charCodeAt(1) * 7 + round * 13) % 11) -
        ((b.email.charCodeAt(1) * 7 + round * 13) % 11),
    )
  const groups = Array.from({ length: rounds }, (_, round) =>
    shuffled(round).map((lead, n) =>
      offeredEvent(workspace, {
        dedupeKey: `${Math.floor(round / 2)}-${lead.email}`,
        lead: n % 2 ? { phone: lead.phone } : lead,
      }),
    ),
  )
  const results = await Promise.all(groups.map((group) => store(...group)))
  const accepted = results.flat().filter(({ status }) => status === 'accepted').length
  assert.is(accepted, (rounds / 2) * people.length)
  const [counts] = await database.query<Record<string, unknown>>(
    `select count(*) as messages, count(distinct (lead_id, seq)) as numbers,
       (select count(*) from lead where not exists (select 1 from message where lead_id = lead.id)) as empty
     from message`,
  )
  assert.is(Number(counts?.messages), accepted)
  assert.is(Number(counts?.numbers), accepted)
  assert.is(Number(counts?.empty), 0)
})

test('jobs that the queue refuses leave nothing behind', async () => {
  const attempt = storeGroup(database, [offeredEvent(workspace)], async (sql) => {
    await sql.query('insert into no_such_queue values ($1::text)', ['job'])
  })
  assert.is(
    await attempt.then(
      () => null,
      (error) => codeOf(error),
    ),
    '42P01',
  )
  assert.is((await leads()).length, 0)
})

test.run()
