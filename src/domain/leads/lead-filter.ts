/** What a lead list asks for, as conditions, and as the ends of the index that hold the answer. */
import type { Channel } from '../channels/inbound-event.ts'
import { type SentimentTag, sentimentTags } from '../sentiment-tag.ts'
import type { LeadSort } from './lead-order.ts'

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

export interface LeadQuery {
  workspaceId: string
  score: ScoreFilter
  channel: Channel | null
  sentiment: SentimentTag | null
  /** Part of a name, company, e-mail address or phone number; of one or two signs: how a word begins. */
  q: string | null
  sort: LeadSort
}

/** 0: unscored. */
const scores: Record<ScoreFilter, number[]> = {
  all: [0, 1, 2, 3, 4],
  '4': [4],
  '3plus': [3, 4],
  '2plus': [2, 3, 4],
  '1plus': [1, 2, 3, 4],
  unscored: [0],
  disqualified: [0, 1, 2, 3, 4],
}

export interface LeadFilter {
  /** SQL over `lead`, beside its workspace. */
  conditions: string
  /** Leaves some leads out, the search aside. */
  isNarrow: boolean
  isUnscored: boolean
  /** Every score that the answer may have; 0: none. */
  scores: number[]
  /** SQL over `lead`: each end of an index, of the workspace $1 and one `score`, that holds a part of it. */
  ends: string[]
  search: Search | null
}

export interface Search {
  /** SQL over `search.words`; binds its patterns. */
  condition(bind: (pattern: string) => string): string
  /** Without three signs of a word, its bounds among them, the index of words knows nothing. */
  hasTrigram: boolean
}

/**
 * Closed words are written out rather than bound: an index with a condition is taken only where its
 * condition is known when the statement is planned.
 */
export function leadFilter({ score, channel, sentiment, q }: LeadQuery): LeadFilter {
  const rest = [
    ...(channel ? [`lead.channels @> '{${channel}}'`] : []),
    ...(score === 'disqualified' ? ['lead.disqualified_reason is not null'] : []),
  ]
  const tags = sentiment ? [sentiment] : sentimentTags
  // By score alone there is an index; those of a channel and of the disqualified begin with the tag.
  const byTag = sentiment !== null || rest.length > 0
  const conditions = [
    ...rest,
    ...(sentiment ? [`lead.sentiment_tag = '${sentiment}'`] : []),
    ...(scores[score].length < 5
      ? [`coalesce(lead.overall_score, 0) in (${scores[score].join(', ')})`]
      : []),
  ]
  return {
    conditions: conditions.join(' and ') || 'true',
    isNarrow: conditions.length > 0,
    isUnscored: score === 'unscored',
    scores: scores[score],
    ends: (byTag ? tags : [null]).map((tag) =>
      [
        'lead.workspace_id = $1::uuid and coalesce(lead.overall_score, 0) = score',
        ...(tag ? [`lead.sentiment_tag = '${tag}'`] : []),
        ...rest,
      ].join(' and '),
    ),
    search: q === null ? null : searchFor(q),
  }
}

function searchFor(q: string): Search {
  // `%` and `_` in a search mean themselves.
  const literal = q.replace(/[\\%_]/g, (sign) => `\\${sign}`)
  const letters = [...q].filter((sign) => /[\p{L}\p{N}]/u.test(sign)).length
  const isShort = [...q].length < 3 && letters === [...q].length
  const patterns = isShort
    ? [`${literal}%`, `% ${literal}%`, `%\n${literal}%`, `%+${literal}%`]
    : [`%${literal}%`]
  return {
    condition: (bind) =>
      `(${patterns.map((pattern) => `search.words like lower(${bind(pattern)})`).join(' or ')})`,
    hasTrigram: isShort || hasTrigram(q),
  }
}

/** As pg_trgm pads a word where it is known to begin (two blanks) and to end (one). */
function hasTrigram(q: string): boolean {
  return [...q.matchAll(/[\p{L}\p{N}]+/gu)].some(({ index, 0: word }) => {
    const begins = index > 0 ? 2 : 0
    const ends = index + word.length < q.length ? 1 : 0
    return [...word].length + begins + ends >= 3
  })
}
