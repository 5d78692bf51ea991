/** The requests of the dashboard; a failure says what a person can do about it. */
import type { Lead, ScoreFilter, SortOrder } from './lead.ts'
import type { LeadDetail, Message, Score } from './lead-detail.ts'

export interface Status {
  scorer: string
  rulesOnly: boolean
  version: string
  /** Of this tab's token. */
  role: 'admin' | 'member' | 'viewer'
  /** Null: no model is configured. */
  model: {
    inUse: string
    models: { id: string; shutdownDate: string | null; daysUntilShutdown: number | null }[]
  } | null
}

export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

export class ApiError extends Error {
  readonly status: number
  /** Of a refused form: field name → what it takes. */
  readonly fields: Record<string, string>
  constructor(status: number, message: string, fields: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.fields = fields
  }
}

export interface LeadQuery {
  score: ScoreFilter
  q: string
  channel: string
  sort: SortOrder
  cursor: string | null
  signal: AbortSignal
}

export interface Api {
  leads(query: LeadQuery): Promise<Page<Lead>>
  /** At most 100; those that are gone are left out. */
  leadsOf(ids: string[]): Promise<Lead[]>
  lead(id: string): Promise<LeadDetail | null>
  messages(leadId: string): Promise<Message[]>
  scores(leadId: string): Promise<Score[]>
  status(): Promise<Status>
  get<T>(path: string, signal?: AbortSignal): Promise<T>
  /** Undefined for answers without a body. */
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T>
}

const PAGE_ROWS = 200
/** A preview waits for its turn and then for a model: 5 s and 20 s where nobody set it otherwise. */
const TIME_LIMIT_MS = 30_000
/** 1,000 rows of one lead's history: more than a person reads. */
const PAGES_MAX = 5

export function api(token: string): Api {
  async function call<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(TIME_LIMIT_MS)
    let response: Response
    try {
      response = await fetch(path, {
        ...init,
        headers: { authorization: `Bearer ${token}`, ...init.headers },
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new ApiError(0, 'The server cannot be reached. Is it running?')
    }
    if (response.status === 204) return undefined as T
    if (response.ok) return (await response.json()) as T
    throw await errorOf(response)
  }
  const get = <T>(path: string, signal?: AbortSignal) => call<T>(path, {}, signal)

  async function all<T>(path: string): Promise<T[]> {
    const items: T[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < PAGES_MAX; pages++) {
      const query = new URLSearchParams({ limit: String(PAGE_ROWS), ...(cursor && { cursor }) })
      const page: Page<T> = await get(`${path}?${query}`)
      items.push(...page.items)
      cursor = page.nextCursor
    }
    return items
  }

  return {
    leads({ score, q, channel, sort, cursor, signal }) {
      const query = new URLSearchParams({ score, sort, limit: String(PAGE_ROWS) })
      if (q.trim()) query.set('q', q.trim())
      if (channel) query.set('channel', channel)
      if (cursor) query.set('cursor', cursor)
      return get<Page<Lead>>(`/api/v1/leads?${query}`, signal)
    },
    async leadsOf(ids) {
      const query = new URLSearchParams({ ids: ids.join(','), limit: String(PAGE_ROWS) })
      return (await get<Page<Lead>>(`/api/v1/leads?${query}`)).items
    },
    async lead(id) {
      try {
        return await get<LeadDetail>(`/api/v1/leads/${encodeURIComponent(id)}`)
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }
    },
    messages: (leadId) => all<Message>(`/api/v1/leads/${leadId}/messages`),
    scores: (leadId) => all<Score>(`/api/v1/leads/${leadId}/scores`),
    status: () => get<Status>('/api/v1/status'),
    get,
    send: (method, path, body) =>
      call(path, {
        method,
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      }),
  }
}

interface Problem {
  title?: string
  detail?: string
  errors?: { field: string; message: string }[]
}

async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response
  if (status === 401) return new ApiError(status, 'The token was refused.')
  if (status === 403) return new ApiError(status, 'The token of this tab may not do this.')
  const problem = (await response.json().catch(() => null)) as Problem | null
  if (status >= 500) {
    const why = problem?.detail ?? `The server answered ${status}. Its log says more`
    return new ApiError(status, `${why}. ${status === 503 ? 'Try again in a moment.' : ''}`.trim())
  }
  const errors = problem?.errors ?? []
  const fields = Object.fromEntries(errors.map(({ field, message }) => [field, message]))
  const first = errors[0] && `${errors[0].field}: ${errors[0].message}`
  const title = problem?.title ?? `The server answered ${status}`
  return new ApiError(status, `${title}. ${first ?? problem?.detail ?? ''}`.trim(), fields)
}
