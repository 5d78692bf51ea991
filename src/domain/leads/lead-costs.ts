/**
 * What each way to a page of the lead list (`lead-ways.ts`) would cost, by what part of a sample matches.
 *
 * Costs count in rows read along an index, each from another page of the memory: 2 to 3 µs on the
 * machine of `bench/README.md`, where the other numbers were measured among a million leads.
 */
import type { LeadFilter, SearchPart } from './lead-filter.ts'
import type { LeadOrder } from './lead-order.ts'
import { EARLY_PAGES, type Sample, type Samples } from './lead-sample.ts'

/** To plan a merge of fourteen ends; of more it takes too long. */
const MERGED = 1500
const ENDS_MAX = 14
/**
 * In the index of words and facets: a lead that has what fewest have, and the same lead for whatever
 * else is looked up. Those are passed over where few have the first.
 */
const POSTED = 0.06
const POSTED_TOO = 0.015
/** Without that index every row's words are looked at, one after the other: 340 to 510 ms a million. */
const SCANNED = 0.2
/** A lead that has all that is looked up: its words are read and compared. */
const COMPARED = 0.6
/** Then its row of `lead`, where that has what the order needs; or it is put in order as it is. */
const LOOKED_UP = 3
const SORTED = 0.2
/** Its name is made of its row. */
const NAMED = 0.4
/** A list may begin with so many that are like no others: a campaign that made them all reply. */
const BEFORE_OTHERS = 10_000
/** By name, leads found by it are neighbours, and the first may come late; most so by how it begins. */
const BEFORE_FIRST = 10_000
const BEFORE_NAME = 100_000
/** In the index of names, to tell which come so early. */
const RANKED = 0.05

/** What so many have tells the index nothing, and costs it most. */
const COMMON = 0.9

export type Way = 'walk' | 'follow' | 'few' | 'find' | 'early'

export interface Cost {
  way: Way
  /** Of one row within the bound. */
  each: number
  all: number
}

/** What is asked of the list. */
export interface Asked {
  filter: LeadFilter
  order: LeadOrder
  limit: number
}

/** None of a thousand may be one of two thousand. */
const share = ({ read }: Sample, count = 0) => (count + 0.5) / (read + 0.5)

/** A sample of whole pages may miss a channel that came in one import, or meet three times as many. */
const MISSED = 0.01
const NEIGHBOURS = 3

/** Of a channel its index knows better how many there are; of those, the sample what part is left. */
function shareLeft(sample: Sample): number {
  const { leads, ofChannel, inChannel, left, leftByIndex } = sample
  if (ofChannel <= 0 || leads <= 0) return share(sample, left)
  // The index is of all workspaces.
  const met = share(sample, inChannel)
  const most = Math.max(met * NEIGHBOURS, MISSED)
  const channel = Math.max(met / NEIGHBOURS, Math.min(ofChannel / leads, most))
  return (channel * (left + share(sample, leftByIndex))) / (inChannel + 1)
}

const shareFound = (sample: Sample) => share(sample, likelyFound(sample))

/** What part of all it is: if the list begins with fewer, the pages may have held too many neighbours. */
function ofAll({ first, all }: Samples, part: (sample: Sample) => number): number {
  return (part(all) + Math.min(part(all), part(first))) / 2
}

/** Those parts of a search by which the index of words finds anything. */
export function partsToLookUp({ search }: LeadFilter, sample: Sample): SearchPart[] {
  return search?.parts.filter((_, n) => share(sample, sample.have[n]) < COMMON) ?? []
}

/** The way that costs least; `least`: what those that were given up cost at least. */
export function cheapest(samples: Samples, asked: Asked, least: Map<Way, number>): Cost {
  return costs(samples, asked)
    .map((cost) => ({ ...cost, all: Math.max(cost.all, least.get(cost.way) ?? 0) }))
    .reduce((a, b) => (b.all < a.all ? b : a))
}

/** Of the ways there are. */
export function costs({ first, all }: Samples, { filter, order, limit }: Asked): Cost[] {
  const { search, isNarrow, scores, ends } = filter
  const left = isNarrow ? ofAll({ first, all }, shareLeft) : 1
  const found = search ? ofAll({ first, all }, shareFound) : 1
  /** Read until a page is full: of those that the list begins with, or past them and of all. */
  const along = (isFiltered: boolean) => {
    const rowsOf = (sample: Sample, part: number) =>
      limit / ((isFiltered ? part : 1) * (search ? leastFound(sample) : 1))
    const leftOfAll = isNarrow ? shareLeft(all) : 1
    const atFirst = rowsOf(first, first === all ? leftOfAll : share(first, first.left))
    return Math.min(atFirst, BEFORE_OTHERS + rowsOf(all, leftOfAll))
  }
  const leads = leadsOf(all)
  const isByName = order.keptIn === 'search'
  const { posted, candidates } = lookUp(all)
  const ways: Cost[] = []
  const add = (way: Way, rows: number, each: number, once = 0) =>
    void ways.push({ way, each, all: once + rows * each })

  // Along the scores, a filter by score leaves nothing for long, and then everything.
  if (!(order.isByScore && scores.length < 5)) {
    const isNeighbour = all.foundByName > all.found / 2
    const before = isNeighbour ? (search?.isExact ? BEFORE_NAME : BEFORE_FIRST) : 0
    add('walk', before + along(walksPastOthers(filter, order)), 1)
  }
  const canFollow =
    order.isByScore || (order.isByActivity && ends.length * scores.length <= ENDS_MAX)
  if (search && canFollow) add('follow', along(false), 1, ends.length > 1 ? MERGED : 0)
  if (isNarrow) add('few', leads * left, 1 + (isByName ? found * NAMED : 0))
  if (search || isByName) {
    const each = isByName ? SORTED : LOOKED_UP
    const compared = candidates < 1 ? candidates * COMPARED : 0
    add('find', leads * left * found, each, leads * (posted + compared))
  }
  // Not blindly: the planner would read all names instead.
  if (all.early && candidates < 1 && all.leads > 0) {
    const named = leads * share(all, all.early.read)
    const rows = Math.max(named * candidates, EARLY_PAGES * limit)
    add('early', rows, COMPARED + SORTED, leads * posted + named * RANKED)
  }
  return ways
}

const leadsOf = (sample: Sample) => Math.max(sample.leads, sample.read)

/** A walk meets leads that the filter does not leave, unless they have an end of their own. */
const walksPastOthers = ({ isNarrow, isUnscored }: LeadFilter, order: LeadOrder) =>
  isNarrow && !(isUnscored && order.unscoredEnd)

/** A way that was given up: it read so many, and so many of them belong to the page. */
export interface GivenUp {
  way: Way
  read: number
  matched: number
}

/** As much together as before. */
const withFound = (of: Sample, found: number) => ({
  found,
  foundOn: of.found > 0 ? (of.foundOn * found) / of.found : 0,
})

/** The samples, put right by what a way met that was taken for cheap. */
export function corrected(
  { first, all }: Samples,
  { filter, order }: Asked,
  { way, read, matched }: GivenUp,
): Samples {
  const changed = (change: (sample: Sample) => Partial<Sample>): Samples => {
    const changedAll = { ...all, ...change(all) }
    return { first: first === all ? changedAll : { ...first, ...change(first) }, all: changedAll }
  }
  const atLeast = (part: number, known: number) => Math.max(known, Math.min(1, part) * all.read)
  switch (way) {
    case 'walk':
    case 'follow': {
      const isFiltered = way === 'walk' && walksPastOthers(filter, order)
      const met = (sample: Sample) => (matched / read) * sample.read
      if (!filter.search) return changed((of) => ({ left: Math.min(of.left, met(of)) }))
      // It may as well be the filter of which the list begins with fewer.
      if (isFiltered && all.left < all.found) return { first, all }
      const left = (sample: Sample) => (isFiltered ? share(sample, sample.left) : 1)
      return changed((of) => withFound(of, Math.min(of.found, met(of) / left(of))))
    }
    // These are given up because there are more than were to be read.
    case 'few':
      return { first, all: { ...all, left: atLeast(read / leadsOf(all), all.left) } }
    case 'find': {
      const part = read / leadsOf(all) / (filter.isNarrow ? shareLeft(all) : 1)
      return { first, all: { ...all, ...withFound(all, atLeast(part, all.found)) } }
    }
    case 'early':
      return { first, all }
  }
}

/** If the parts of a search had nothing to do with each other and would find fewer together, that counts too. */
function likelyFound(sample: Sample): number {
  const together = sample.have.reduce((product, n) => product * share(sample, n), sample.read)
  return (sample.found + Math.min(sample.found, together)) / 2
}

/**
 * Rows are read until a page is full: what is rarer than it seems is dear, and few may be chance, or
 * neighbours (a company whose people came in one import), who count as one.
 */
function leastFound(sample: Sample): number {
  const found = likelyFound(sample)
  const together = sample.foundOn > 0 ? sample.found / sample.foundOn : 1
  return Math.max(0.25, found + 0.5 - Math.sqrt(found * together)) / (sample.read + 0.5)
}

/** What it costs for each lead of all, and what part of them it leaves to be compared. */
function lookUp(sample: Sample): { posted: number; candidates: number } {
  const shares = [sample.leftByIndex, ...sample.have].map((count) => share(sample, count))
  const looked = shares.filter((each) => each < COMMON)
  if (looked.length === 0) return { posted: SCANNED, candidates: 1 }
  return {
    posted: Math.min(...looked) * (POSTED + (looked.length - 1) * POSTED_TOO),
    candidates: looked.reduce((product, each) => product * each, 1),
  }
}
