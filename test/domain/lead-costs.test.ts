/** What is taken for the cheapest way to a page, by what a sample tells. */
import * as assert from 'uvu/assert'
import { costs, partsToLookUp, taught, type Way } from '../../src/domain/leads/lead-costs.ts'
import { type LeadQuery, leadFilter } from '../../src/domain/leads/lead-filter.ts'
import { leadOrders } from '../../src/domain/leads/lead-order.ts'
import type { Sample } from '../../src/domain/leads/lead-sample.ts'
import { suite } from '../support/suite.ts'

const test = suite('cost of a lead list')
const sample: Sample = {
  read: 1000,
  left: 1000,
  leftByIndex: 1000,
  found: 1000,
  foundByName: 0,
  have: [],
  leads: 1_000_000,
  ofChannel: 0,
  early: null,
}

function cheapest(query: Partial<LeadQuery>, all: Partial<Sample>, first = all) {
  const asked = {
    ...{ workspaceId: '', score: 'all', channel: null, sentiment: null, q: null, sort: 'name' },
    ...query,
  } as LeadQuery
  const [best] = costs(
    { all: { ...sample, ...all }, first: { ...sample, ...first } },
    { filter: leadFilter(asked), order: leadOrders[asked.sort], limit: 51 },
  )
  return best?.way
}

const numbered = {
  ...{ workspaceId: '', score: 'all', channel: null, sentiment: null, q: 'person.777' },
  sort: '-score',
} as LeadQuery

const late = { found: 90, have: [90], foundByName: 90, early: { name: 'dana', read: 100 } }

test('by name, whose name is found late is looked up with the names, if anything was ever counted', () => {
  assert.is(cheapest({ q: 'da' }, late), 'early')
  assert.is.not(cheapest({ q: 'da' }, { ...late, leads: -1 }), 'early')
})

test('by name, who is found by something else is all over the alphabet', () => {
  const company = { found: 110, have: [110], early: { name: 'aisha', read: 20 } }
  assert.is(cheapest({ q: 'northwind' }, company), 'walk')
  assert.is.not(cheapest({ q: 'northwind' }, { ...company, foundByName: 110 }), 'walk')
})

test('few are looked up, many are met on the way', () => {
  const few = { found: 0, have: [1] }
  const many = { found: 300, have: [300] }
  assert.is(cheapest({ q: 'northwind', sort: '-scoredAt' }, few), 'find')
  assert.is(cheapest({ q: 'northwind', sort: '-scoredAt' }, many), 'walk')
  // Unless the list begins with others, and then they may be few of all.
  assert.is(cheapest({ q: 'northwind', sort: '-scoredAt' }, { found: 3, have: [3] }, few), 'find')
})

test('where a list begins with others, it is guessed how many, and the guess is kept apart', () => {
  const asked = {
    filter: leadFilter({ ...numbered, sort: '-scoredAt' }),
    order: leadOrders['-scoredAt'],
    limit: 51,
  }
  const all = { ...sample, found: 300, have: [300, 300] }
  const walk = (first: Partial<Sample>) =>
    costs({ all, first: { ...sample, ...first } }, asked).find(({ way }) => way === 'walk')
  assert.is(walk({ found: 300, have: [300, 300] })?.guessed, 0)
  const { all: rows = 0, guessed = 0 } = walk({ found: 0, have: [0, 0] }) ?? {}
  assert.ok(guessed > 0 && guessed < rows && rows < guessed + 1000, `${guessed} of ${rows}`)
})

test('a channel that the sample missed is as large as its index, but not past one in a hundred', () => {
  const query = { channel: 'sms', sort: '-scoredAt' } as const
  const estimate = (ofChannel: number) =>
    costs(
      { all: { ...sample, left: 0, ofChannel }, first: { ...sample, left: 0 } },
      {
        filter: leadFilter({ ...query, workspaceId: '', score: 'all', sentiment: null, q: null }),
        order: leadOrders['-scoredAt'],
        limit: 51,
      },
    ).find(({ way }) => way === 'few')?.all ?? 0
  assert.ok(estimate(100) < 1000)
  assert.is(estimate(5000), 5000)
  assert.is(estimate(500_000), 10_000)
})

test('what nearly everybody has is not looked up', () => {
  const filter = leadFilter({
    ...{ workspaceId: '', score: 'all', channel: null, sentiment: null, sort: 'name' },
    q: '@company-17',
  } as LeadQuery)
  const parts = partsToLookUp(filter, { ...sample, have: [990, 20] })
  assert.equal(parts, filter.search?.parts.slice(1))
})

/** After a way met so few of what a sample of neighbours promised. */
function after(way: Way, read: number, matched: number, query = numbered) {
  const all = { ...sample, found: 25, have: [25, 25], left: 100 }
  const filter = leadFilter(query)
  const asked = { filter, order: leadOrders[query.sort], limit: 51 }
  const samples = taught({ all, first: all }, { filter, way, read, matched })
  const best = (from: Parameters<typeof costs>[0]) => costs(from, asked)[0]
  return { samples, before: best({ all, first: all }), best: best(samples) }
}

test('a way that met few tells that the sample did of neighbours: they are looked up', () => {
  const { samples, before, best } = after('walk', 5000, 5)
  assert.is(before?.way, 'walk')
  assert.is(samples.all.found, 1)
  assert.is(samples.first, samples.all)
  assert.is(best?.way, 'find')
  assert.ok((best?.all ?? 0) < 60_000)
})

test('what a way met is never taken for more, and only of what it walked past', () => {
  assert.is(after('follow', 1000, 50).samples.all.found, 25)
  assert.is(after('find', 5000, 0).samples.all.found, 25)
  // One in a hundred of those that the filter leaves, which are one in ten.
  const narrow = { ...numbered, score: '3plus', sort: '-scoredAt' } as const
  assert.is(Math.round(after('walk', 5000, 5, narrow).samples.all.found), 10)
  assert.is(after('follow', 5000, 5, narrow).samples.all.found, 1)
})

test.run()
