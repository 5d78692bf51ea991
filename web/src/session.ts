/** The token of this tab, and the view in the address bar. */
import { type ScoreFilter, scoreFilters } from './lead.ts'

const KEY = 'leadpulse.token'

/** Takes the token out of `#token=…`, so that it is neither copied along nor kept in the history. */
export function openingToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  if (!token) return sessionStorage.getItem(KEY)
  history.replaceState(null, '', location.pathname + location.search)
  keepToken(token)
  return token
}

export function keepToken(token: string | null): void {
  if (token) sessionStorage.setItem(KEY, token)
  else sessionStorage.removeItem(KEY)
}

export interface View {
  score: ScoreFilter
  q: string
}

export function readView(): View {
  const query = new URLSearchParams(location.search)
  const score = scoreFilters.find(({ value }) => value === query.get('score'))?.value ?? 'all'
  return { score, q: query.get('q') ?? '' }
}

export function writeView({ score, q }: View): void {
  const query = new URLSearchParams()
  if (score !== 'all') query.set('score', score)
  if (q) query.set('q', q)
  const search = query.size > 0 ? `?${query}` : ''
  history.replaceState(null, '', location.pathname + search)
}
