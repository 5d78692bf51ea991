/** What the reading routes take on a full database: every filter and order of the lead list, and all other lists. */
import { channels } from '../../src/domain/channels/inbound-event.ts'
import { scoreFilters } from '../../src/domain/leads/lead-filter.ts'
import { leadSorts } from '../../src/domain/leads/lead-order.ts'
import { sentimentTags } from '../../src/domain/sentiment-tag.ts'
import { median } from '../ingest/figures.ts'
import type { Growing } from './prepare.ts'

export interface Read {
  path: string
  medianMs: number
  maxMs: number
}

/** The first is not counted: it warms pages that somebody else's list needs, too. */
const REPEATS = 5

export async function timed(service: Growing, paths: string[]): Promise<Read[]> {
  const reads: Read[] = []
  for (const path of paths) {
    const took: number[] = []
    for (let n = 0; n <= REPEATS; n++) {
      const { ms, status, text } = await service.get(path)
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${text.slice(0, 200)}`)
      if (n > 0) took.push(ms)
    }
    reads.push({ path, medianMs: median(took), maxMs: Math.max(...took) })
  }
  return reads
}

/** Common, less so, rare, one person, nobody; a beginning of a word; an address; a number. */
const SEARCHES = [
  ...['northwind', 'garcia', 'Dana Okafor', 'steel 1999', 'person.777', 'nobody at all'],
  ...['da', 'z', '@company-17', '+121200007', 'example', 'da n'],
]

/** Each takes one of the ways of `list-leads.ts` out of the running: a filter wide or narrow, found late. */
const SEARCHED_FILTERS = [
  ...['score=4', 'score=3plus', 'score=unscored', 'score=disqualified', 'channel=smartlead'],
  ...['channel=sms', 'sentiment=Interested', 'sentiment=Bounced', 'channel=linkedin&score=4'],
  'channel=email&sentiment=Neutral&score=2plus',
]

export function listPaths(): string[] {
  const combined = [
    'channel=linkedin&score=4',
    'channel=sms&score=unscored',
    'sentiment=Interested&score=3plus',
    'sentiment=Blacklist&channel=linkedin',
    'sentiment=Meeting Booked&channel=email&score=2plus',
    'score=disqualified&channel=sms',
    'score=disqualified&sentiment=Interested',
    'score=3plus&channel=instantly&sentiment=Follow Up&q=petrov',
  ]
  const filters = [
    ...scoreFilters.map((score) => `score=${score}`),
    ...channels.map((channel) => `channel=${channel}`),
    ...sentimentTags.map((tag) => `sentiment=${tag}`),
    ...SEARCHES.map((q) => `q=${encodeURIComponent(q)}`),
    ...combined,
    ...SEARCHED_FILTERS.flatMap((filter) =>
      ['garcia', '@company-17', 'person.777', 'example'].map((q) => `${filter}&q=${q}`),
    ),
  ]
  return filters.flatMap((filter) =>
    leadSorts.map((sort) => `/api/v1/leads?${filter.replaceAll(' ', '%20')}&sort=${sort}`),
  )
}

export const leadPaths = (leadId: string) =>
  ['', '/messages', '/scores'].map((part) => `/api/v1/leads/${leadId}${part}`)

export const otherPaths = [
  '/api/v1/jobs/stats',
  '/api/v1/jobs',
  '/api/v1/jobs?state=failed',
  '/api/v1/jobs?state=completed&type=EMAIL_INBOUND_POST_PROCESS',
  '/api/v1/jobs?error=timeout',
  '/api/v1/jobs/parked',
  '/api/v1/rejected',
  '/api/v1/rejected?state=replayed',
  '/api/v1/drafts?status=pending',
  '/api/v1/ai-usage?groupBy=feature',
  '/api/v1/ai-usage?groupBy=day',
  '/api/v1/feed?sinceSeq=0',
  '/api/v1/connections',
  '/api/v1/settings',
  '/api/v1/tokens',
  '/api/v1/status',
  '/health/ready',
  '/metrics',
]
