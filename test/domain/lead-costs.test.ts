/** What is taken for the cheapest way to a page, by what a sample tells. */
import * as assert from 'uvu/assert'
import {
  cheapest,
  corrected,
  costs,
  type GivenUp,
  partsToLookUp,
} from '../../src/domain/leads/lead-costs.ts'
import { type LeadQuery, leadFilter } from '../../src/domain/leads/lead-filter.ts'
import { leadOrders } from '../../src/domain/leads/lead-order.ts'
import type { Sample } from '../../src/domain/leads/lead-sample.ts'
import { suite } from '../support/suite.ts'

const test = suite('cost of a lead list')
const sample: Sample = {
  read: 1000,
  left: 1000,
  inChannel: 1000,
  leftByIndex: 1000,
  found: 1000,
  foundOn: 0,
  foundByName: 0,
  have: [],
  leads: 1_000_000,
  ofChannel: 0,
  early: null,
}

const anything = { workspaceId: '', score: 'all', channel: null, sentiment: null, q: null } as const

function askedFor(query: Partial<LeadQuery>) {
  const asked: LeadQuery = { ...anything, sort: 'name', ...query }
  return { filter: leadFilter(asked), order: leadOrders[asked.sort], limit: 51 }
}

const samples = (all: Partial<Sample>, first = all) => ({
  all: { ...sample, ...all },
  first: { ...sample, ...first },
})

const best = (query: Partial<LeadQuery>, all: Partial<Sample>, first = all) =>
  cheapest(samples(all, first), askedFor(query), new Map()).way

const late = { found: 90, have: [90], foundByName: 90, early: { name: 'dana', read: 100 } }

test('by name, whose name is found late is looked up with the names, if anything was ever counted', () => {
  assert.is(best({ q: 'da' }, late), 'early')
  assert.is.not(best({ q: 'da' }, { ...late, leads: -1 }), 'early')
})

test('by name, who is found by something else is all over the alphabet', () => {
  const company = { found: 110, have: [110], early: { name: 'aisha', read: 20 } }
  assert.is(best({ q: 'northwind' }, company), 'walk')
  assert.is.not(best({ q: 'northwind' }, { ...company, foundByName: 110 }), 'walk')
})

test('many that lie on one page came together, and are no reason to walk', () => {
  const met = { found: 12, have: [12] }
  const by = (foundOn: number) => best({ q: '@northwind', sort: 'score' }, { ...met, foundOn })
  assert.equal([by(12), by(1)], ['walk', 'find'])
  const told = { ...sample, ...met, foundOn: 6 }
  const asked = askedFor({ q: '@northwind', sort: 'score' })
  const put = corrected({ all: told, first: told }, asked, { way: 'walk', read: 1000, matched: 3 })
  assert.equal([put.all.found, put.all.foundOn], [3, 1.5])
})

test('few are looked up, many are met on the way', () => {
  const few = { found: 0, have: [1] }
  const many = { found: 300, have: [300] }
  assert.is(best({ q: 'northwind', sort: '-scoredAt' }, few), 'find')
  assert.is(best({ q: 'northwind', sort: '-scoredAt' }, many), 'walk')
  // Unless the list begins with others, and then they may be few of all.
  assert.is(best({ q: 'northwind', sort: '-scoredAt' }, { found: 3, have: [3] }, few), 'find')
})

test('a list that begins with others is walked past them, or what they are not is looked up', () => {
  const query = { q: 'northwind', sort: '-scoredAt' } as const
  const none = { found: 0, have: [0] }
  assert.is(best(query, { found: 300, have: [300] }, none), 'walk')
  assert.is(best(query, { found: 5, have: [5] }), 'walk')
  assert.is(best(query, { found: 5, have: [5] }, none), 'find')
})

test('what the latest are full of may be rare of those that the filter leaves', () => {
  const query = { q: 'acme', score: '3plus', sort: '-scoredAt' } as const
  const imported = { left: 0, leftByIndex: 0, found: 500, have: [500] }
  assert.is(best(query, { found: 3, have: [3], left: 40, leftByIndex: 40 }, imported), 'find')
})

const fewLeads = (told: Partial<Sample>) => {
  const all = costs(samples(told), askedFor({ channel: 'sms', sort: '-scoredAt' }))
  return Math.round(all.find(({ way }) => way === 'few')?.all ?? 0)
}

test('a channel that the sample missed is as large as its index, but not past one in a hundred', () => {
  const missed = (ofChannel: number) => fewLeads({ left: 0, inChannel: 0, ofChannel })
  assert.ok(missed(100) < 1000)
  assert.is(missed(5000), 5000)
  assert.is(missed(500_000), 10_000)
})

test('of a channel whose neighbours the sample met, its index knows how many there are', () => {
  const met = { left: 20, inChannel: 40, leftByIndex: 250 }
  const half = fewLeads({ ...met, ofChannel: 20_000 })
  assert.ok(half > 9000 && half < 11_000, `${half}`)
  // Most are of other workspaces, or this one has nearly all.
  assert.ok(fewLeads({ ...met, ofChannel: 900_000 }) < 70_000)
  assert.ok(fewLeads({ left: 900, inChannel: 900, ofChannel: 100_000 }) > 290_000)
})

test('what nearly everybody has is not looked up', () => {
  const { filter } = askedFor({ q: '@company-17' })
  const parts = partsToLookUp(filter, { ...sample, have: [990, 20] })
  assert.equal(parts, filter.search?.parts.slice(1))
})

const numbered = { q: 'person.777', sort: '-score' } as const
const asked = askedFor(numbered)
/** Neighbours: so many are found of the sample, and not of all. */
const neighbours = { ...sample, found: 25, have: [25, 25], left: 100 }

function after(given: GivenUp, query: Partial<LeadQuery> = numbered, all: Sample = neighbours) {
  const put = corrected({ all, first: all }, askedFor(query), given)
  assert.is(
    put.first === put.all,
    given.way === 'walk' || given.way === 'follow' || put.all === all,
  )
  return put
}

test('a walk that met few tells that the sample was of neighbours: they are looked up', () => {
  const before = { all: neighbours, first: neighbours }
  assert.is(cheapest(before, asked, new Map()).way, 'walk')
  const put = after({ way: 'walk', read: 5000, matched: 5 })
  assert.is(put.all.found, 1)
  const { way, all } = cheapest(put, asked, new Map())
  assert.is(way, 'find')
  assert.ok(all < 60_000)
  const first = { ...sample, found: 5, have: [5, 5], read: 500 }
  const { all: rest, first: begin } = corrected({ all: neighbours, first }, asked, {
    ...{ way: 'walk', read: 5000, matched: 5 },
  })
  assert.equal([rest.found, begin.found], [1, 0.5])
})

test('what a way in order met is never taken for more, and only of what it walked past', () => {
  const found = (given: GivenUp, query?: Partial<LeadQuery>, all?: Partial<Sample>) =>
    Math.round(after(given, query, { ...neighbours, ...all }).all.found)
  const five = { way: 'walk', read: 5000, matched: 5 } as const
  assert.is(found({ ...five, way: 'follow', matched: 500 }), 25)
  // One in a hundred of those that the filter leaves, which are one in ten.
  const narrow = { ...numbered, score: '3plus', sort: '-scoredAt' } as const
  assert.is(found(five, narrow), 10)
  assert.is(found({ ...five, way: 'follow' }, narrow), 1)
  // Walked along their own end, they are not one in ten.
  assert.is(found(five, { ...narrow, score: 'unscored' }), 1)
  // The filter leaves fewer than the search finds: it may be the filter.
  assert.is(found(five, narrow, { left: 20 }), 25)
  // Where nothing is searched, it is the filter.
  const { all } = after(five, { ...narrow, q: null })
  assert.equal([all.found, all.left], [25, 1])
})

test('what is given up because there are more, tells how many at least', () => {
  const few = after({ way: 'few', read: 200_000, matched: 0 }, { channel: 'email' }).all
  assert.equal([few.left, few.found], [200, 25])
  const find = (read: number) => after({ way: 'find', read, matched: 0 }).all.found
  assert.equal([find(100_000), find(2000), find(5_000_000)], [100, 25, 1000])
  const ofSome = after({ way: 'find', read: 10_000, matched: 0 }, { ...numbered, channel: 'email' })
  assert.is(Math.round(ofSome.all.found), 100)
  assert.is(after({ way: 'early', read: 3000, matched: 0 }).all, neighbours)
})

test('a way that was given up is not cheaper than it was', () => {
  const least = new Map([['walk', 1_000_000]] as const)
  const before = { all: neighbours, first: neighbours }
  assert.is.not(cheapest(before, asked, least).way, 'walk')
})

test.run()
