/** The few requests of the dashboard; a failure says what a person can do about it. */
import type { Lead, ScoreFilter } from './lead.ts'

export interface Status {
  scorer: string
  rulesOnly: boolean
  version: string
}

export interface LeadPage {
  items: Lead[]
  nextCursor: string | null
}

export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface Api {
  leads(query: {
    score: ScoreFilter
    q: string
    cursor: string | null
    signal: AbortSignal
  }): Promise<LeadPage>
  lead(id: string): Promise<Lead | null>
  status(): Promise<Status>
}

const PAGE_ROWS = 200
const TIME_LIMIT_MS = 15_000

export function api(token: string): Api {
  async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(TIME_LIMIT_MS)
    let response: Response
    try {
      response = await fetch(path, {
        headers: { authorization: `Bearer ${token}` },
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw new ApiError(0, 'The server cannot be reached. Is it running?')
    }
    if (response.ok) return (await response.json()) as T
    throw new ApiError(response.status, await messageOf(response))
  }
  return {
    leads({ score, q, cursor, signal }) {
      const query = new URLSearchParams({ score, limit: String(PAGE_ROWS) })
      if (q.trim()) query.set('q', q.trim())
      if (cursor) query.set('cursor', cursor)
      return get<LeadPage>(`/api/v1/leads?${query}`, signal)
    },
    async lead(id) {
      try {
        return await get<Lead>(`/api/v1/leads/${id}`)
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }
    },
    status: () => get<Status>('/api/v1/status'),
  }
}

async function messageOf(response: Response): Promise<string> {
  if (response.status === 401) return 'The token was refused.'
  if (response.status >= 500) return `The server answered ${response.status}. Its log says more.`
  const problem = (await response.json().catch(() => null)) as { title?: string } | null
  return problem?.title ?? `The server answered ${response.status}.`
}
