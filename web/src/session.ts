/** The token of this tab, and where in the dashboard it is: all in the address bar. */
import { channelNames } from './format.ts'
import { type ScoreFilter, type SortOrder, scoreFilters, sortOrders } from './lead.ts'

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

export const pages = ['leads', 'jobs', 'ai', 'settings'] as const
export type PageName = (typeof pages)[number]

export interface View {
  page: PageName
  /** The lead that is open; only on page `leads`. */
  lead: string | null
  score: ScoreFilter
  q: string
  channel: string
  sort: SortOrder
}

export const everything: View = {
  page: 'leads',
  lead: null,
  score: 'all',
  q: '',
  channel: '',
  sort: '-lastActivity',
}

export function readView(): View {
  const query = new URLSearchParams(location.search)
  const channel = query.get('channel') ?? ''
  return {
    page: pages.find((page) => page === query.get('page')) ?? 'leads',
    lead: query.get('lead'),
    score: scoreFilters.find(({ value }) => value === query.get('score'))?.value ?? 'all',
    q: query.get('q') ?? '',
    channel: channel in channelNames ? channel : '',
    sort: sortOrders.find(({ value }) => value === query.get('sort'))?.value ?? everything.sort,
  }
}

export function addressOf(view: View): string {
  const query = new URLSearchParams()
  if (view.page !== 'leads') query.set('page', view.page)
  for (const name of ['lead', 'score', 'q', 'channel', 'sort'] as const) {
    const value = view[name]
    if (value && value !== everything[name]) query.set(name, value)
  }
  return location.pathname + (query.size > 0 ? `?${query}` : '')
}

/** Another page or lead is a step that Back undoes; a filter is not. */
export function writeView(view: View): void {
  const before = readView()
  const address = addressOf(view)
  if (address === location.pathname + location.search) return
  const isStep = before.page !== view.page || before.lead !== view.lead
  history[isStep ? 'pushState' : 'replaceState'](null, '', address)
}
