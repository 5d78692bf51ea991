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
  /** By that alone: what is read first came at one time, and may be like nothing before. */
  isByTime: boolean
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

const byActivity = {
  isByActivity: true,
  isByScore: false,
  isByTime: true,
  keptIn: 'lead' as const,
}
const byScore = { ...byActivity, isByScore: true, isByTime: false }

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
    isByTime: true,
    keptIn: 'lead',
    unscoredEnd: `${scoredAt.by} = 'epoch'`,
  },
  name: {
    keys: [integer('search.nameless'), { by: 'search.name', text: 'search.name', type: 'text' }],
    descending: false,
    isByActivity: false,
    isByScore: false,
    isByTime: false,
    keptIn: 'search',
  },
}

const idOf = ({ keptIn }: LeadOrder) => (keptIn === 'search' ? 'search.lead_id' : 'lead.id')

/** SQL: these columns, all in the direction of the list. */
export const inOrder = ({ descending }: LeadOrder, columns: string[]) =>
  columns.map((column) => `${column} ${descending ? 'desc' : 'asc'}`).join(', ')

/** SQL of the order of the list, ties broken. */
export const listOrder = (order: LeadOrder) =>
  inOrder(order, [...order.keys.map(({ by }) => by), idOf(order)])

/** SQL of that order as its index has it, and of what it has of the leads that are asked for. */
export function alongOrder(order: LeadOrder, isUnscored: boolean): { by: string; where: string } {
  // What comes last by the index, comes first where nothing else is asked for.
  const unscored = isUnscored ? order.unscoredEnd : undefined
  const { by, where } = order.walk ?? { by: order.keys.map((key) => key.by), where: 'true' }
  return { by: inOrder(order, [...by, idOf(order)]), where: unscored ?? where }
}

/** SQL: behind the page that ended there. `bind` makes a value a parameter, and answers its name. */
export function beyondSql(
  order: LeadOrder,
  after: LeadKey | null,
  bind: (value: unknown, type: string) => string,
): string {
  if (!after) return 'true'
  const row = [...order.keys.map(({ by }) => by), idOf(order)]
  const keys = order.keys.map(({ type }, n) => bind(after.keys[n], type))
  const bound = [...keys, bind(after.id, 'uuid')]
  return `(${row.join(', ')}) ${order.descending ? '<' : '>'} (${bound.join(', ')})`
}

/** SQL: one page's sort keys and lead, as `id`, `keys` and `key_0`, …; and the order by those. */
export const keysOf = (order: LeadOrder) => ({
  columns: `${idOf(order)} as id, array[${order.keys.map(({ text }) => text).join(', ')}] as keys,
    ${order.keys.map(({ by }, n) => `${by} as key_${n}`).join(', ')}`,
  by: (page: string) =>
    inOrder(order, [...order.keys.map((_, n) => `${page}.key_${n}`), `${page}.id`]),
})

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
