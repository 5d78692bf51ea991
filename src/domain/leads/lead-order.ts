/** The orders of the lead list, which can be paged through while leads move. */
import { exactTime, isExactTime } from '../page.ts'

export const leadSorts = [
  '-lastActivity',
  'lastActivity',
  '-score',
  'score',
  '-scoredAt',
  'name',
] as const
export type LeadSort = (typeof leadSorts)[number]

/** One sort key: what is compared, how it is written into a cursor, and its type when read back. */
interface SortKey {
  by: string
  text: string
  type: 'timestamptz' | 'int' | 'text'
}

export interface LeadOrder {
  keys: SortKey[]
  descending: boolean
  /** Within one sentiment tag and score an index keeps this order, hence for every filter. */
  isByActivity: boolean
  isByScore: boolean
  /** The table with an index of this order over all leads of a workspace. */
  keptIn: 'lead' | 'search'
  /** What that index has, where it is other than the keys; leads that come last may be left out. */
  walk?: { by: string[]; where: string }
  /** Where that index has the leads without a score, if all in one place. */
  unscoredEnd?: string
}

const time = (by: string): SortKey => ({ by, text: exactTime(by), type: 'timestamptz' })
const integer = (by: string): SortKey => ({ by, text: `(${by})::text`, type: 'int' })

const activity = time('lead.last_activity_at')
// Null compares with nothing, so each key has a value that puts "none" at the list's end.
const score = integer('coalesce(lead.overall_score, 0)')
const scoredAt = time(`coalesce(lead.scored_at, 'epoch')`)

const byActivity = { isByActivity: true, isByScore: false, keptIn: 'lead' as const }
const byScore = { ...byActivity, isByScore: true }

export const leadOrders: Record<LeadSort, LeadOrder> = {
  '-lastActivity': { keys: [activity], descending: true, ...byActivity },
  lastActivity: { keys: [activity], descending: false, ...byActivity },
  '-score': { keys: [score, activity], descending: true, ...byScore },
  score: {
    // Ascending the unscored come last too: who asks for the lowest scores asks for scores.
    keys: [integer('coalesce(lead.overall_score, 5)'), activity],
    descending: false,
    ...byScore,
    walk: { by: [score.by, activity.by], where: `${score.by} > 0` },
  },
  '-scoredAt': {
    keys: [scoredAt],
    descending: true,
    isByActivity: false,
    isByScore: false,
    keptIn: 'lead',
    unscoredEnd: `${scoredAt.by} = 'epoch'`,
  },
  name: {
    keys: [integer('search.nameless'), { by: 'search.name', text: 'search.name', type: 'text' }],
    descending: false,
    isByActivity: false,
    isByScore: false,
    keptIn: 'search',
  },
}

/** Where a page ended: the sort keys of its last lead, and the lead itself to break ties. */
export interface LeadKey {
  keys: string[]
  id: string
}

/** False for a key of another order: the database would refuse it as a value of that type. */
export function fitsSort(sort: LeadSort, { keys }: LeadKey): boolean {
  const wanted = leadOrders[sort].keys
  return keys.length === wanted.length && wanted.every(({ type }, n) => fits[type](keys[n] ?? ''))
}

const fits: Record<SortKey['type'], (value: string) => boolean> = {
  timestamptz: isExactTime,
  int: (value) => /^\d$/.test(value),
  text: () => true,
}
