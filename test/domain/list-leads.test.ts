/** Every way to a page of the lead list answers what sorting all leads by hand does. */

import * as assert from 'uvu/assert'
import type { Database } from '../../src/database.ts'
import { channels } from '../../src/domain/channels/inbound-event.ts'
import { type LeadQuery, leadFilter, scoreFilters } from '../../src/domain/leads/lead-filter.ts'
import { type LeadKey, leadOrders, leadSorts } from '../../src/domain/leads/lead-order.ts'
import type { LeadRow } from '../../src/domain/leads/lead-row.ts'
import { type Answer, leadWays } from '../../src/domain/leads/lead-ways.ts'
import { listLeads } from '../../src/domain/leads/list-leads.ts'
import { createRandom } from '../../src/simulate/random.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace } from '../support/events.ts'
import { insertLead } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const test = suite('lead list')
const LEADS = 60
const TAGS = ['New', 'Interested', 'Opt Out', 'Bounced'] as const
const FIRST = ['Ada', 'Bob', 'ada-lee', 'Élise', '王伟', '']
const COMPANIES = ['Northwind Traders', 'North Star', '50% off_Ltd', '']
const SEARCHES = [
  null,
  'north',
  'no',
  'ada',
  'A',
  '王伟',
  '@x.ex',
  '+1212',
  '0%',
  'nobody',
  'trade',
  // How a number begins; signs that are letters to the index, and such that are none.
  ...['12', '+1', 'son1', 'son1@', 'a-l', '-lee', '.exam', 'x.', 'x.e', 'ff_l', 'h s', 'a lov'],
]

let database: Database
let workspaceId: string
let all: LeadRow[]
const random = createRandom(5)

test.before(async () => {
  database = await testDatabase()
  workspaceId = (await makeWorkspace(database)).id
  const other = await makeWorkspace(database, 'Other')
  for (let n = 0; n < LEADS; n++) {
    const score = Math.floor(random.next() * 5)
    await insertLead(database, {
      workspaceId: n % 10 === 9 ? other.id : workspaceId,
      firstName: random.pick(FIRST),
      lastName: random.pick(['Lovelace', '']),
      company: random.pick(COMPANIES),
      ...(score > 0 && { overallScore: score, scoredAt: timeOf(random.next()) }),
      sentimentTag: random.pick(TAGS),
      ...(random.next() < 0.2 && { disqualifiedReason: 'Opt out' }),
      channels: channels.filter(() => random.next() < 0.3),
      lastActivityAt: timeOf(random.next()),
      identities: [
        { kind: 'email', value: `person${n}@x.example` },
        ...(n % 3 === 0 ? [{ kind: 'phone' as const, value: `+1212555${1000 + n}` }] : []),
      ],
    })
  }
  all = (await listLeads(database, anything, { limit: 200, after: null })).rows
})
test.after(() => database.close())

/** Few different ones, so that keys tie. */
const timeOf = (part: number) => `2026-01-0${1 + Math.floor(part * 9)}T10:00:00.000001Z`
const anything: Omit<LeadQuery, 'workspaceId'> & { workspaceId: string } = {
  get workspaceId() {
    return workspaceId
  },
  score: 'all',
  channel: null,
  sentiment: null,
  q: null,
  sort: '-lastActivity',
}

/** So many the list samples: of one nothing can be told, and what it takes for cheap is not. */
const SAMPLES = [1, 10, 500]

for (const sort of leadSorts) {
  test(`by ${sort}: the pages are those of a list sorted by hand, whatever is asked for`, async () => {
    assert.ok(all.length > 40)
    for (let round = 0; round < 6; round++) {
      const query = anyQuery(sort)
      const wanted = all.filter((lead) => isWanted(lead, query)).map(({ id }) => id)
      for (const sample of SAMPLES) {
        const what = `${sample} ${JSON.stringify(query)}`
        const paged = await inPages(query, sample)
        assert.equal([...paged].sort(), [...wanted].sort(), what)
        const whole = await listLeads(database, query, { limit: 200, after: null }, sample)
        assert.equal(
          paged,
          whole.rows.map(({ id }) => id),
          what,
        )
        assert.ok(isInOrder(whole.rows, sort), what)
      }
    }
  })

  test(`by ${sort}: each way answers the same page, or that its bound did not do`, async () => {
    const answered = new Set<string>()
    for (const q of SEARCHES) {
      const query = { ...anyQuery(sort), q }
      const { rows } = await listLeads(database, query, { limit: 200, after: null })
      const third = Math.floor(rows.length / 3)
      for (const [limit, from, key] of [
        [7, 0, null],
        [5, third, await keyOf(query, third)],
      ] as const) {
        const wanted = rows.slice(from, from + limit).map(({ id }) => id)
        for (const [name, { leads, isCertain }] of await everyWay(query, limit, key)) {
          const what = `${name} ${from} ${JSON.stringify(query)}`
          // Who walks to the end of the list knows it; by the lowest score the walk leaves some out.
          if (name === 'walk 1000' && sort !== 'score') assert.ok(isCertain, what)
          if (isCertain) answered.add(name.replace(/ .*/, ''))
          // Of an uncertain page it is told how many were met.
          const met = isCertain ? wanted : wanted.slice(0, leads.length)
          const isPart = isCertain || /^(walk|follow|early)/.test(name) || leads.length === 0
          assert.ok(isPart, what)
          assert.equal(
            leads.map(({ id }) => id),
            met,
            what,
          )
        }
      }
    }
    const { isByActivity, keptIn } = leadOrders[sort]
    const own = isByActivity ? ['first', 'follow'] : keptIn === 'search' ? ['early'] : []
    assert.equal([...answered].sort(), ['walk', 'few', 'find', ...own].sort())
  })
}

function anyQuery(sort: LeadQuery['sort']): LeadQuery {
  return {
    workspaceId,
    sort,
    score: random.pick(scoreFilters),
    channel: random.next() < 0.3 ? random.pick(channels) : null,
    sentiment: random.next() < 0.3 ? random.pick(TAGS) : null,
    q: random.pick(SEARCHES),
  }
}

/** With bounds that do for all leads, and with those that end amid them. */
async function everyWay(
  query: LeadQuery,
  limit: number,
  after: LeadKey | null,
): Promise<[string, Answer][]> {
  const ways = leadWays(query, { limit, after })
  const parts = leadFilter(query).search?.parts ?? []
  const answers: [string, Answer][] = []
  for (const bound of [null, 1000, 20, 3]) {
    answers.push([`walk ${bound}`, await ways.walk(database, bound)])
    if (leadOrders[query.sort].isByActivity) {
      if (query.q === null) {
        answers.push(['first', { leads: await ways.first(database), isCertain: true }])
      }
      if (bound !== null) answers.push([`follow ${bound}`, await ways.follow(database, bound)])
    }
    if (bound !== null) answers.push([`few ${bound}`, await ways.few(database, bound)])
    answers.push([`find ${bound}`, await ways.find(database, bound, parts)])
    if (query.sort !== 'name' || bound === null) continue
    for (const name of ['', 'ada lovelace', 'zz']) {
      answers.push([`early ${bound} ${name}`, await ways.early(database, bound, parts, name)])
    }
  }
  return answers
}

/** Behind so many leads of the list. */
async function keyOf(query: LeadQuery, leads: number): Promise<LeadKey | null> {
  const ways = leadWays(query, { limit: leads, after: null })
  const last = (await ways.walk(database, null)).leads.at(leads - 1)
  return last && leads > 0 ? { keys: last.keys, id: last.id } : null
}

async function inPages(query: LeadQuery, sample: number): Promise<string[]> {
  const ids: string[] = []
  let after: LeadKey | null = null
  do {
    const page: Awaited<ReturnType<typeof listLeads>> = await listLeads(
      database,
      query,
      { limit: 17, after },
      sample,
    )
    ids.push(...page.rows.map(({ id }) => id))
    after = page.next
  } while (after)
  return ids
}

function isWanted(lead: LeadRow, { score, channel, sentiment, q }: LeadQuery): boolean {
  const overall = lead.overallScore ?? 0
  const least = { '4': 4, '3plus': 3, '2plus': 2, '1plus': 1 }[score as '4']
  if (least !== undefined && overall < least) return false
  if (score === 'unscored' && overall !== 0) return false
  if (score === 'disqualified' && lead.disqualifiedReason === null) return false
  if (channel && !lead.channels.includes(channel)) return false
  if (sentiment && lead.sentimentTag !== sentiment) return false
  if (q === null) return true
  const texts = [lead.name, lead.company, lead.email, lead.phone].filter((text) => text !== null)
  const sought = q.toLowerCase()
  const found = (text: string) =>
    /^\+?[\p{L}\p{N}]{1,2}$/u.test(sought)
      ? text.startsWith(sought) || text.includes(` ${sought}`) || text.startsWith(`+${sought}`)
      : text.includes(sought)
  return texts.some((text) => found(text.toLowerCase()))
}

/** By what a reader sees; ties are the pages' business. */
function isInOrder(rows: LeadRow[], sort: LeadQuery['sort']): boolean {
  const at = (date: Date | null) => date?.getTime() ?? 0
  const keys: Record<LeadQuery['sort'], (row: LeadRow) => number> = {
    '-lastActivity': (row) => -at(row.lastActivityAt),
    lastActivity: (row) => at(row.lastActivityAt),
    '-score': (row) => -(row.overallScore ?? 0),
    score: (row) => row.overallScore ?? 5,
    '-scoredAt': (row) => -at(row.scoredAt),
    // How letters sort is the database's business.
    name: (row) => (row.name === null ? 1 : 0),
  }
  return rows.every((row, n) => n === 0 || keys[sort](rows[n - 1] as LeadRow) <= keys[sort](row))
}

test.run()
