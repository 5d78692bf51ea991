/** The lead list: score filters, search, and orders that can be paged through while leads move. */
import type { Channel } from '../channels/inbound-event.ts'
import { exactTime, isExactTime, type Page, type PageRequest, pageOf } from '../page.ts'
import type { SentimentTag } from '../sentiment-tag.ts'
import type { Sql } from '../sql.ts'
import {
  fullName,
  identitiesByLead,
  type LeadRecord,
  type LeadRow,
  leadColumns,
  leadRow,
} from './lead-row.ts'

export const scoreFilters = [
  'all',
  '4',
  '3plus',
  '2plus',
  '1plus',
  'unscored',
  'disqualified',
] as const
export type ScoreFilter = (typeof scoreFilters)[number]

const scoreConditions: Record<ScoreFilter, string> = {
  all: 'true',
  '4': 'lead.overall_score = 4',
  '3plus': 'lead.overall_score >= 3',
  '2plus': 'lead.overall_score >= 2',
  '1plus': 'lead.overall_score >= 1',
  unscored: 'lead.overall_score is null',
  disqualified: 'lead.disqualified_reason is not null',
}

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

const time = (by: string): SortKey => ({ by, text: exactTime(by), type: 'timestamptz' })
const integer = (by: string): SortKey => ({ by, text: `(${by})::text`, type: 'int' })

const activity = time('lead.last_activity_at')
// Null compares with nothing, so each key has a value that puts "none" at the list's end.
const score = integer('coalesce(lead.overall_score, 0)')
const scoredAt = time(`coalesce(lead.scored_at, 'epoch'::timestamptz)`)
const name = `lower(coalesce(${fullName}, ''))`

const orders: Record<LeadSort, { keys: SortKey[]; descending: boolean }> = {
  '-lastActivity': { keys: [activity], descending: true },
  lastActivity: { keys: [activity], descending: false },
  '-score': { keys: [score, activity], descending: true },
  // Ascending the unscored come last too: who asks for the lowest scores asks for scores.
  score: { keys: [integer('coalesce(lead.overall_score, 5)'), activity], descending: false },
  '-scoredAt': { keys: [scoredAt], descending: true },
  name: {
    keys: [
      integer(`case when ${fullName} is null then 1 else 0 end`),
      { by: name, text: name, type: 'text' },
    ],
    descending: false,
  },
}

/** Where a page ended: the sort keys of its last lead, and the lead itself to break ties. */
export interface LeadKey {
  keys: string[]
  id: string
}

export interface LeadQuery {
  workspaceId: string
  score: ScoreFilter
  channel: Channel | null
  sentiment: SentimentTag | null
  /** Part of a name, company, e-mail address or phone number. */
  q: string | null
  sort: LeadSort
}

/** False for a key of another order: the database would refuse it as a value of that type. */
export function fitsSort(sort: LeadSort, { keys }: LeadKey): boolean {
  const wanted = orders[sort].keys
  return keys.length === wanted.length && wanted.every(({ type }, n) => fits[type](keys[n] ?? ''))
}

const fits: Record<SortKey['type'], (value: string) => boolean> = {
  timestamptz: isExactTime,
  int: (value) => /^\d$/.test(value),
  text: () => true,
}

export async function listLeads(
  sql: Sql,
  query: LeadQuery,
  { limit, after }: PageRequest<LeadKey>,
): Promise<Page<LeadRow, LeadKey>> {
  const { text, params } = statement(query, { limit, after })
  const fetched = await sql.query<LeadRecord & { keys: string[] }>(text, params)
  const page = pageOf(fetched, limit, ({ keys, id }) => ({ keys, id }))
  const ids = page.rows.map(({ id }) => id)
  const identities = await identitiesByLead(sql, query.workspaceId, ids)
  return { ...page, rows: page.rows.map((row) => leadRow(row, identities.get(row.id) ?? [])) }
}

function statement(query: LeadQuery, { limit, after }: PageRequest<LeadKey>) {
  const { keys, descending } = orders[query.sort]
  const params: unknown[] = [query.workspaceId]
  const bind = (value: unknown, type: string) => `$${params.push(value)}::${type}`
  const conditions = ['lead.workspace_id = $1::uuid', scoreConditions[query.score]]
  if (query.channel) conditions.push(`${bind(query.channel, 'text')} = any(lead.channels)`)
  if (query.sentiment) conditions.push(`lead.sentiment_tag = ${bind(query.sentiment, 'text')}`)
  if (query.q) conditions.push(matches(bind(likePattern(query.q), 'text')))
  if (after) {
    const bounds = keys.map(({ type }, index) => bind(after.keys[index], type))
    const row = [...keys.map(({ by }) => by), 'lead.id'].join(', ')
    const bound = [...bounds, bind(after.id, 'uuid')].join(', ')
    conditions.push(`(${row}) ${descending ? '<' : '>'} (${bound})`)
  }
  const direction = descending ? 'desc' : 'asc'
  const order = [...keys.map(({ by }) => by), 'lead.id'].map((by) => `${by} ${direction}`)
  const text = `
    select ${leadColumns}, array[${keys.map((key) => key.text).join(', ')}] as keys
    from lead
    where ${conditions.join(' and ')}
    order by ${order.join(', ')}
    limit ${bind(limit + 1, 'int')}
  `
  return { text, params }
}

function matches(pattern: string): string {
  return `(
    ${fullName} ilike ${pattern} or lead.company ilike ${pattern} or exists (
      select 1 from lead_identity as identity
      where identity.lead_id = lead.id and identity.workspace_id = lead.workspace_id
        and identity.kind in ('email', 'phone') and identity.value ilike ${pattern}
    )
  )`
}

/** `%` and `_` in a search mean themselves. */
function likePattern(q: string): string {
  return `%${q.replace(/[\\%_]/g, (sign) => `\\${sign}`)}%`
}
