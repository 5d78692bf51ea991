/**
 * Just enough of the service for the simulation to run against: connections, webhooks read by the
 * real providers, leads with messages, and a feed that scores every message after `scoreAfterMs`.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { InboundEvent, ProviderName } from '../../src/domain/channels/inbound-event.ts'
import { providers } from '../../src/domain/channels/registry.ts'

export const TOKEN = 'a-token-for-the-simulation'

interface FakeConnection {
  id: string
  channel: string
  provider: ProviderName
  name: string
}
interface FakeMessage {
  id: string
  seq: number | null
  direction: string
  externalId: string | null
  receivedAt: string
}
interface FakeLead {
  id: string
  phone: string | null
  seq: number
  messages: FakeMessage[]
}

export interface FakeService {
  url: string
  connections: FakeConnection[]
  leads: Map<string, FakeLead>
  /** Requests to webhooks, for counting. */
  deliveries: number
  /** Answers the next webhooks with this status instead of storing them. */
  refuseWith: number | null
  /** Scores nothing while true. */
  silent: boolean
  /** Cuts every feed connection as a crash would. */
  cutFeed(): void
  close(): Promise<void>
}

export async function startFakeService(scoreAfterMs = 30): Promise<FakeService> {
  const byToken = new Map<string, FakeConnection>()
  const byIdentity = new Map<string, FakeLead>()
  const byKey = new Map<string, string>()
  const log: { seq: number; leadId: string; messageSeq: number; overallScore: number }[] = []
  const sockets = new Set<WebSocket>()
  const timers = new Set<NodeJS.Timeout>()
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  const feed = new WebSocketServer({ server, path: '/api/v1/feed/ws' })
  feed.on('connection', (socket, request) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return socket.close(4001)
    socket.on('close', () => sockets.delete(socket))
    socket.on('message', (data) => {
      const { since } = JSON.parse(String(data)) as { since?: { seq: number } }
      sockets.add(socket)
      const missed = since ? log.filter(({ seq }) => seq > since.seq) : []
      if (missed.length > 0) send(socket, missed)
    })
    socket.send(JSON.stringify({ type: 'hello', epoch: 'e', seq: log.length, heartbeatMs: 1e4 }))
  })

  function send(socket: WebSocket, events: typeof log): void {
    const [first, last] = [events[0]?.seq ?? 0, events.at(-1)?.seq ?? 0]
    socket.send(JSON.stringify({ type: 'scores', from: first, to: last, events }))
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const url = new URL(request.url ?? '/', service.url)
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (url.pathname.startsWith('/webhooks/')) {
      service.deliveries += 1
      if (service.refuseWith) return void json({ detail: 'refused' }, service.refuseWith)
      return webhook(url, body, response, json)
    }
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return void json({}, 401)
    const [, , , kind, id, action] = url.pathname.split('/')
    if (kind === 'connections' && request.method === 'GET') {
      json({ items: service.connections, nextCursor: null })
    } else if (kind === 'connections' && action === 'rotate') {
      const known = service.connections.find((each) => each.id === id)
      if (known) json(tokenFor(known))
    } else if (kind === 'connections') {
      const made = {
        id: randomUUID(),
        ...(JSON.parse(body.toString()) as Omit<FakeConnection, 'id'>),
      }
      service.connections.push(made)
      json({ ...made, ...tokenFor(made) }, 201)
    } else if (kind === 'leads' && action === 'messages') {
      json({ items: service.leads.get(id ?? '')?.messages ?? [], nextCursor: null })
    } else if (kind === 'leads') {
      const phone = url.searchParams.get('q')
      json({ items: [...service.leads.values()].filter((lead) => lead.phone === phone) })
    } else json({}, 404)
  }

  function tokenFor(connection: FakeConnection) {
    const token = randomUUID()
    byToken.set(token, connection)
    return { token, webhookUrl: `https://public.example/webhooks/${connection.channel}/${token}` }
  }

  function webhook(url: URL, rawBody: Buffer, response: ServerResponse, json: Json): void {
    const connection = byToken.get(url.pathname.split('/')[3] ?? '')
    if (!connection) return void json({}, 401)
    const provider = providers[connection.provider]
    const result = provider.parse({
      rawBody,
      headers: {},
      url: url.href,
      receivedAt: new Date(),
      connectionId: connection.id,
    })
    const answer =
      result.outcome === 'events'
        ? store(result.events[0])
        : { status: result.outcome, reason: result.reason }
    if (provider.answerFormat === 'twiml') {
      response.writeHead(200, { 'content-type': 'text/xml' }).end('<Response/>')
    } else json(answer)
  }

  function store(event: InboundEvent): { status: string; messageId?: string } {
    const known = byKey.get(event.dedupeKey)
    if (known) return { status: 'duplicate', messageId: known }
    if (event.kind === 'label') return { status: 'ignored' }
    const values = event.lead.identities.map(({ kind, value }) => `${kind} ${value}`)
    const lead = values.map((value) => byIdentity.get(value)).find(Boolean) ?? newLead()
    for (const value of values) byIdentity.set(value, lead)
    lead.phone ??= event.lead.identities.find(({ kind }) => kind === 'phone')?.value ?? null
    if (event.direction === 'inbound') lead.seq += 1
    const message = {
      id: randomUUID(),
      seq: event.direction === 'inbound' ? lead.seq : null,
      direction: event.direction,
      externalId: event.externalId,
      receivedAt: new Date().toISOString(),
    }
    byKey.set(event.dedupeKey, message.id)
    lead.messages.push(message)
    if (message.seq !== null && !service.silent) scoreLater(lead, message.seq)
    return { status: 'accepted', messageId: message.id }
  }

  function newLead(): FakeLead {
    const lead = { id: randomUUID(), phone: null, seq: 0, messages: [] }
    service.leads.set(lead.id, lead)
    return lead
  }

  function scoreLater(lead: FakeLead, messageSeq: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      const event = { seq: log.length + 1, leadId: lead.id, messageSeq, overallScore: 3 }
      log.push(event)
      for (const socket of sockets) send(socket, [event])
    }, scoreAfterMs)
    timers.add(timer)
  }

  const service: FakeService = {
    url: '',
    connections: [],
    leads: new Map(),
    deliveries: 0,
    refuseWith: null,
    silent: false,
    cutFeed: () => sockets.forEach((socket) => void socket.terminate()),
    close: async () => {
      for (const timer of timers) clearTimeout(timer)
      for (const socket of sockets) socket.terminate()
      feed.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return service
}

type Json = (value: unknown, status?: number) => unknown
