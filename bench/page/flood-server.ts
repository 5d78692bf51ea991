/**
 * Serves the built dashboard over made-up leads and floods its feed: as many score events a second as
 * asked for, in the batches of 25 ms that the service sends. Only the page is real here.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { WebSocket, WebSocketServer } from 'ws'

const BATCH_MS = 25
const EPOCH = '01890a5d-ac96-774b-bcce-b302099a8057'
const channels = ['email', 'sms', 'linkedin', 'smartlead', 'instantly']

export interface FloodServer {
  url: string
  /** Score events sent so far. */
  sent(): number
  /** Events per second from now on; 0: none. */
  flood(perSecond: number): void
  close(): Promise<void>
}

export async function floodServer(webDist: string, leads: number): Promise<FloodServer> {
  const rows = Array.from({ length: leads }, (_, index) => leadOf(index))
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname.startsWith('/api/')) answer(response, apiAnswer(url, rows))
    else void sendFile(response, join(webDist, url.pathname === '/' ? 'index.html' : url.pathname))
  })
  const sockets = new WebSocketServer({
    server,
    handleProtocols: () => 'leadpulse.feed.v1',
  })
  let seq = 0
  let perSecond = 0
  let owed = 0
  sockets.on('connection', (socket) => {
    socket.send(JSON.stringify({ type: 'hello', epoch: EPOCH, seq, heartbeatMs: 60_000 }))
  })
  const timer = setInterval(() => {
    owed += (perSecond * BATCH_MS) / 1000
    const count = Math.floor(owed)
    owed -= count
    if (count === 0) return
    const events = Array.from({ length: count }, () => eventOf(rows, ++seq))
    const frame = JSON.stringify({ type: 'scores', from: seq - count + 1, to: seq, events })
    for (const socket of sockets.clients) {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame)
    }
  }, BATCH_MS)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => seq,
    flood(rate) {
      perSecond = rate
    },
    async close() {
      clearInterval(timer)
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

type Row = ReturnType<typeof leadOf>

function leadOf(index: number) {
  const overall = 1 + (index % 4)
  const at = new Date(Date.now() - index * 1000).toISOString()
  const channel = channels[index % channels.length] as string
  return {
    id: `01890a5d-ac96-774b-8000-${index.toString(16).padStart(12, '0')}`,
    state: 'scored',
    name: `Lead ${index}`,
    company: `Company ${index % 500}`,
    title: 'Head of Operations',
    email: `lead${index}@company${index % 500}.example`,
    phone: null,
    channels: [channel],
    lastChannel: channel,
    sentimentTag: 'Interested',
    fitScore: overall,
    intentScore: overall,
    overallScore: overall,
    scoreReasoning: 'Intent 3: the lead asks about the offer. Fit 3: uses something comparable.',
    scoredAt: at,
    scoredBy: 'rules-v1',
    disqualifiedReason: null,
    demo: false,
    scoringError: null,
    messageSeq: 1,
    scoredSeq: 1,
    lastActivityAt: at,
    lastMessage: { direction: 'inbound', channel, text: 'How does it work?', sentAt: at },
  }
}

/** Each lead in turn, by a step that is prime to most counts: changes come all over the table. */
function eventOf(rows: Row[], seq: number) {
  const row = rows[(seq * 7919) % rows.length] as Row
  const overallScore = 1 + (seq % 4)
  const previousOverallScore = row.overallScore
  row.scoredSeq += 1
  row.messageSeq += 1
  row.overallScore = overallScore
  row.scoredAt = new Date().toISOString()
  row.lastActivityAt = row.scoredAt
  const { id: leadId, name: leadName, lastChannel: channel, scoredAt, messageSeq } = row
  const scores = { fitScore: overallScore, intentScore: overallScore, overallScore }
  const about = { leadId, leadName, channel, scoredAt, messageSeq }
  const scoreReasoning = `Intent ${overallScore}: changed by event ${seq}.`
  const why = { scoreReasoning, sentimentTag: 'Interested', model: 'rules-v1' }
  return { seq, ...about, ...scores, previousOverallScore, ...why }
}

function apiAnswer({ pathname, searchParams }: URL, rows: Row[]): unknown {
  if (pathname === '/api/v1/feed/tickets') return { ticket: 'flood', expiresAt: '' }
  if (pathname === '/api/v1/status') {
    return { scorer: 'rules-v1', rulesOnly: true, version: 'bench', role: 'admin', model: null }
  }
  if (pathname === '/api/v1/simulation') return { state: 'none', demoLeads: 0, demoLeadsScored: 0 }
  if (pathname !== '/api/v1/leads') return {}
  const ids = searchParams.get('ids')?.split(',')
  if (ids) return { items: rows.filter(({ id }) => ids.includes(id)), nextCursor: null }
  const from = Number(searchParams.get('cursor') ?? 0)
  const end = from + Number(searchParams.get('limit'))
  return { items: rows.slice(from, end), nextCursor: end < rows.length ? String(end) : null }
}

function answer(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  try {
    const type = types[extname(path)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type }).end(await readFile(path))
  } catch {
    response.writeHead(404).end()
  }
}
