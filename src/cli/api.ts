/** A small client of the public API for the command line, with errors in one line. */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { CommandError } from '../command-error.ts'

const TIME_LIMIT_MS = 15_000
/** A busy service says 429 or 503; it is asked again this often. */
const ATTEMPTS_MAX = 5
const RETRY_MS = 1000
/** 200 rows each: no lead of a simulation has more. */
const PAGES_MAX = 50

export interface Api {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>
  /** `limitMs`: for an answer that may take longer than others. */
  post<T>(path: string, body: unknown, schema: z.ZodType<T>, limitMs?: number): Promise<T>
  delete(path: string): Promise<void>
  /** All pages of a list; `path` without limit and cursor. */
  list<T>(path: string, item: z.ZodType<T>): Promise<T[]>
}

export function createApi(of: { url: string; token: string; workspace?: string | null }): Api {
  const { url, token, workspace } = of
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    ...(workspace && { 'x-workspace-id': workspace }),
  }

  async function ask(path: string, init: RequestInit, limitMs?: number): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const response = await answered(url, path, { ...init, headers }, limitMs)
      if (response.ok) return response.json().catch(() => null)
      const problem = problemSchema.safeParse(await response.json().catch(() => null)).data
      const isBusy = response.status === 429 || response.status === 503
      if (isBusy && attempt < ATTEMPTS_MAX) await sleep(RETRY_MS * attempt)
      else throw refusal(url, path, { status: response.status, ...problem })
    }
  }

  async function typed<T>(
    path: string,
    init: RequestInit,
    schema: z.ZodType<T>,
    limitMs?: number,
  ): Promise<T> {
    const parsed = schema.safeParse(await ask(path, init, limitMs))
    if (parsed.success) return parsed.data
    throw new CommandError(`${url}${path} does not answer like this version of Leadpulse`)
  }

  const get: Api['get'] = (path, schema) => typed(path, {}, schema)
  return {
    get,
    post: (path, body, schema, limitMs) =>
      typed(path, { method: 'POST', body: JSON.stringify(body) }, schema, limitMs),
    async delete(path) {
      await ask(path, { method: 'DELETE', body: '{}' })
    },
    async list(path, item) {
      const page = z.object({ items: z.array(item), nextCursor: z.string().nullish() })
      const items = []
      let cursor: string | null | undefined = null
      for (let pages = 0; pages < PAGES_MAX; pages++) {
        const query = cursor ? `limit=200&cursor=${encodeURIComponent(cursor)}` : 'limit=200'
        const answer: z.infer<typeof page> = await get(
          `${path}${path.includes('?') ? '&' : '?'}${query}`,
          page,
        )
        items.push(...answer.items)
        cursor = answer.nextCursor
        if (!cursor) break
      }
      return items
    },
  }
}

async function answered(
  url: string,
  path: string,
  init: RequestInit,
  limitMs = TIME_LIMIT_MS,
): Promise<Response> {
  try {
    return await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(limitMs) })
  } catch (error) {
    throw new CommandError(
      `cannot reach ${url} (${causeOf(error)}): start the service first (npm start), or name it with --url`,
      { cause: error },
    )
  }
}

/** What a problem document says to people. */
const problemSchema = z.object({
  type: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
})

/** One of ours names itself by its type; a 404 without is somebody else's. */
function refusal(
  url: string,
  path: string,
  { status, type, detail, errors }: { status: number } & Partial<z.infer<typeof problemSchema>>,
): CommandError {
  if (status === 401 || (status === 403 && !detail)) {
    return new CommandError(
      `--token: refused by ${url} (${status}): takes an admin or member token of this service`,
    )
  }
  if (status === 403) return new CommandError(`--token: refused by ${url} (403): ${detail}`)
  if (status === 404 && !type?.startsWith('urn:leadpulse:')) {
    return new CommandError(`--url: ${url} is no Leadpulse (404 for ${path})`)
  }
  const fields = errors?.map(({ field, message }) => `${field}: ${message}`).join('; ')
  const said = fields ?? detail ?? (status === 404 ? 'there is no such thing here' : null)
  return new CommandError(`${url}${path} answered ${status}${said ? `: ${said}` : ''}`)
}

/** `ECONNREFUSED`, `no answer within 15 s` and the like: what a person can act on. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  if (error.name === 'TimeoutError') return `no answer within ${TIME_LIMIT_MS / 1000} s`
  const cause = error.cause
  if (cause instanceof Error) {
    const { code } = cause as NodeJS.ErrnoException
    return code ?? cause.message
  }
  return (error as NodeJS.ErrnoException).code ?? error.message
}
