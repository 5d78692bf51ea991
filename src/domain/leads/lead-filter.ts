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
  /** Part of a name, company, e-mail address or phone number; of one or two letters or digits: how a word or number begins. */
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
  /** That part of it that the index of words and facets knows. */
  indexed: string
  /** The same over `search`: what its index knows, and what it does not. */
  facets: string
  channels: string
  /** Leaves some leads out, the search aside. */
  isNarrow: boolean
  isUnscored: boolean
  /** Every score that the answer may have; 0: none. */
  scores: number[]
  /** SQL over `lead`: each end of an index, of the workspace $1, that beside one score holds a part of it. */
  ends: string[]
  search: Search | null
}

export interface Search {
  /** SQL: the search finds what has these words, a column of `lead` or `search`. */
  condition(words: 'lead.words' | 'search.words' | 'search.name', bind: Bind): string
  /** What the index of words can look up; a lead that is found has all of it. */
  parts: SearchPart[]
  /** And a lead that has all of it is found. */
  isExact: boolean
}

export interface SearchPart {
  operator: 'like' | '~'
  /** SQL of what a lead's words are compared with. */
  pattern(bind: Bind): string
  /** SQL of a regular expression: whose words match, the index takes for one that has it. */
  seems(bind: Bind): string
}
/** Makes a value a parameter, and answers its name. */
export type Bind = (value: string) => string

/** As the index of words has them. */
const joined = (words: string) => `lead_search_joined(${words})`

/** SQL: looked up by the index. */
export const hasPart = ({ operator, pattern }: SearchPart, bind: Bind) =>
  `${joined('search.words')} ${operator} ${joined(pattern(bind))}`

/** SQL over the same as `Search.condition`: what the index would answer, whom it need not be asked for. */
export const seemsToHave = ({ seems }: SearchPart, of: 'lead' | 'search', bind: Bind) =>
  `${joined(`${of}.words`)} ~ ${joined(seems(bind))}`

/**
 * Closed words are written out rather than bound: an index with a condition is taken only where its
 * condition is known when the statement is planned.
 */
export function leadFilter({ score, channel, sentiment, q }: LeadQuery): LeadFilter {
  const isDisqualified = 'lead.disqualified_reason is not null'
  const ofChannel = channel ? [`lead.channels @> '{${channel}}'`] : []
  const rest = [...ofChannel, ...(score === 'disqualified' ? [isDisqualified] : [])]
  const tags = sentiment ? [sentiment] : sentimentTags
  // By score alone there is an index; those of a channel and of the disqualified begin with the tag.
  const byTag = sentiment !== null || rest.length > 0
  const indexed = [
    ...(score === 'disqualified' ? [isDisqualified] : []),
    ...(sentiment ? [`lead.sentiment_tag = '${sentiment}'`] : []),
    ...(scores[score].length < 5
      ? [`coalesce(lead.overall_score, 0) in (${scores[score].join(', ')})`]
      : []),
  ]
  const facets = [
    ...(sentiment ? [`"${sentiment}"`] : []),
    ...(score === 'disqualified' ? ['disqualified'] : []),
  ]
  const faceted = [
    ...(facets.length > 0 ? [`search.facets @> '{${facets}}'`] : []),
    ...(scores[score].length < 5 ? [`search.facets && '{${scores[score]}}'`] : []),
  ]
  return {
    conditions: [...ofChannel, ...indexed].join(' and ') || 'true',
    indexed: indexed.join(' and ') || 'true',
    facets: faceted.join(' and ') || 'true',
    channels: channel ? `search.channels @> '{${channel}}'` : 'true',
    isNarrow: ofChannel.length + indexed.length > 0,
    isUnscored: score === 'unscored',
    scores: scores[score],
    ends: (byTag ? tags : [null]).map((tag) =>
      [
        'lead.workspace_id = $1::uuid',
        ...(tag ? [`lead.sentiment_tag = '${tag}'`] : []),
        ...rest,
      ].join(' and '),
    ),
    search: q === null ? null : searchFor(q),
  }
}

function searchFor(q: string): Search {
  const [, plus, letters] = q.match(/^(\+?)([\p{L}\p{N}]{1,2})$/u) ?? []
  if (letters !== undefined) {
    // In brackets, because `lead_search_joined` makes a letter of it, and a bare one would be an operator.
    const number = plus ? '[+]' : '[+]?'
    const begins = (start: string) => (bind: Bind) =>
      `('${start}${number}' || lower(${bind(letters)}))`
    const pattern = begins('(^|[ \\n])')
    return {
      condition: (words, bind) => `${words} ~ ${pattern(bind)}`,
      parts: [{ operator: '~', pattern, seems: begins(BEGINS) }],
      isExact: true,
    }
  }
  const words = partsOf(q, /[\p{L}\p{N}]+/gu)
  return {
    condition: (words, bind) => `strpos(${words}, lower(${bind(q)})) > 0`,
    // Word by word, because what is common is not looked up; `j.d` has three signs in a row only as a whole.
    parts: words.length > 0 ? words : partsOf(q, /[\p{L}\p{N}.+-]+/gu),
    isExact: false,
  }
}

/** `%` and `_` in a search mean themselves. */
const literal = (text: string) => text.replace(/[\\%_]/g, (sign) => `\\${sign}`)

/** Letters to the index (`lead_search_joined`), as within an address. */
const JOINED = /[.+-]/

/** Where pg_trgm takes a word to begin and to end; to `\\m` and `\\M` an underscore would be a letter. */
const BEGINS = '(^|[^[:alnum:]])'
const ENDS = '($|[^[:alnum:]])'

/**
 * Each word with the sign on either side, by which it is known to begin and to end there. pg_trgm looks
 * up three signs in a row, and where a word begins, two blanks count among them, and one where it ends.
 */
function partsOf(q: string, word: RegExp): SearchPart[] {
  return [...q.matchAll(word)].flatMap(({ index, 0: word }) => {
    const before = q.slice(0, index).match(/.$/su)?.[0] ?? ''
    const after = q.slice(index + word.length).match(/^./su)?.[0] ?? ''
    const [begins, ends] = [before, after].map((sign) => sign !== '' && !JOINED.test(sign))
    const signs = (before ? 1 : 0) + [...word].length + (after ? 1 : 0)
    if (signs + (begins ? 1 : 0) < 3) return []
    const pattern = `%${literal(before + word + after)}%`
    const [start, end] = [begins ? BEGINS : before, ends ? ENDS : after]
    return {
      operator: 'like',
      pattern: (bind) => `lower(${bind(pattern)})`,
      seems: (bind) => `('${start}' || lower(${bind(word)}) || '${end}')`,
    }
  })
}
