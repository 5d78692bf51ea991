/** How the feed's client gets a ticket, and opens with it a WebSocket or what stands in for one. */
import type { FeedFilter, FeedPosition, FeedSocket } from './feed-frames.ts'
import { sseSocket } from './feed-sse.ts'

export interface Transport {
  baseUrl: string
  token(): string
  filter?: FeedFilter
  fetch?: typeof fetch
  socket?(url: string, protocols: string[]): FeedSocket
}

const PROTOCOL = 'leadpulse.feed.v1'

/** The server knows us and says no: coming back does not help. */
export class Refusal extends Error {
  readonly why: 'unauthorized' | 'forbidden'
  constructor(why: 'unauthorized' | 'forbidden', detail: string) {
    super(detail)
    this.why = why
  }
}

/** Throws Refusal, or what `fetch` throws. */
export async function getTicket(
  { baseUrl, token, fetch: send = fetch }: Transport,
  limitMs: number,
): Promise<string> {
  const response = await send(`${baseUrl}/api/v1/feed/tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token()}` },
    signal: AbortSignal.timeout(limitMs),
  })
  if (response.status === 401) throw new Refusal('unauthorized', 'the token was refused')
  if (response.status === 403) throw new Refusal('forbidden', 'the token may not read the feed')
  if (!response.ok) throw new Error(`the server answered ${response.status}`)
  const { ticket } = (await response.json()) as { ticket: string }
  return ticket
}

export function openWebSocket({ baseUrl, socket }: Transport, ticket: string): FeedSocket {
  const url = `${baseUrl.replace(/^http/, 'ws')}/api/v1/feed/ws`
  return (socket ?? defaultSocket)(url, [PROTOCOL, `ticket.${ticket}`])
}

/** What a WebSocket is told by `subscribe` stands in the URL here. */
export function openSse(
  { baseUrl, filter, fetch: send = fetch }: Transport,
  ticket: string,
  { since, snapshot }: { since: FeedPosition | null; snapshot: boolean },
): FeedSocket {
  const query = new URLSearchParams({ ticket })
  if (since) query.set('lastEventId', `${since.epoch}:${since.seq}`)
  else if (snapshot) query.set('snapshot', 'true')
  for (const [name, value] of Object.entries(filter ?? {})) {
    if (value !== undefined) query.set(name, String(value))
  }
  return sseSocket({ url: `${baseUrl}/api/v1/feed/sse?${query}`, fetch: send })
}

function defaultSocket(url: string, protocols: string[]): FeedSocket {
  return new WebSocket(url, protocols) as unknown as FeedSocket
}
