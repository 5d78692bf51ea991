/** What tests of the feed share: a scored workspace, and a real client that keeps what it was sent. */
import { v7 as uuidv7 } from 'uuid'
import { WebSocket } from 'ws'
import type { Channel } from '../../src/domain/channels/inbound-event.ts'
import { recordScore } from '../../src/domain/scoring/record-score.ts'
import type { Sql, Store } from '../../src/domain/sql.ts'

export interface ScoredWorkspace {
  id: string
  addLead(facts?: LeadFacts): Promise<string>
  /** One more score of the lead; null takes the lead back to unscored. Answers the event's number. */
  score(leadId: string, overall: number | null, model?: string): Promise<number | null>
}

export interface LeadFacts {
  firstName?: string
  lastName?: string
  channel?: Channel
  identities?: { kind: string; value: string }[]
}

export async function scoredWorkspace(store: Store, name = 'Acme'): Promise<ScoredWorkspace> {
  const id = uuidv7()
  const seen = new Map<string, number>()
  await store.query('insert into workspace (id, name) values ($1::uuid, $2)', [id, name])
  return {
    id,
    async addLead({ firstName, lastName, channel = 'email', identities = [] } = {}) {
      const leadId = uuidv7()
      await store.query(
        `insert into lead (id, workspace_id, first_name, last_name, last_channel)
         values ($1::uuid, $2::uuid, $3, $4, $5)`,
        [leadId, id, firstName ?? null, lastName ?? null, channel],
      )
      for (const { kind, value } of identities) {
        await store.query(
          `insert into lead_identity (workspace_id, kind, value, lead_id)
           values ($1::uuid, $2, $3, $4::uuid)`,
          [id, kind, value, leadId],
        )
      }
      return leadId
    },
    score(leadId, overall, model = 'rules-v1') {
      const next = (seen.get(leadId) ?? 0) + 1
      seen.set(leadId, next)
      const scores =
        overall === null
          ? null
          : {
              fitScore: overall,
              intentScore: overall,
              overallScore: overall,
              reasoning: `Overall ${overall}`,
            }
      return store.transaction((tx) =>
        recordScore(tx, {
          workspaceId: id,
          leadId,
          seen: next,
          scores: scores as Parameters<typeof recordScore>[1]['scores'],
          model,
          promptVersion: 'test',
        }),
      )
    },
  }
}

/**
 * So many events of these leads in turn, written in one transaction without scoring anything: for
 * loads that the scoring itself would hold up. Answers the number of the last.
 */
export async function addEvents(
  sql: Sql,
  of: { workspaceId: string; leadIds: string[]; count: number; reasoning: string },
): Promise<number> {
  const [row] = await sql.query<{ last: number | string }>(
    `with counter as (
       update workspace set feed_seq = feed_seq + $2::int where id = $1::uuid returning feed_seq
     ), events as (
       insert into score_event (workspace_id, seq, lead_id, fit_score, intent_score, overall_score,
         previous_overall_score, reasoning, model, prompt_version, message_seq, channel,
         sentiment_tag)
       select $1::uuid, counter.feed_seq - $2::int + one,
         ($3::uuid[])[1 + one % cardinality($3::uuid[])], 3, 4, 4, 2, $4, 'rules-v1', 'test',
         counter.feed_seq - $2::int + one, 'email', 'Interested'
       from counter, generate_series(1, $2::int) as one
       returning seq
     )
     select max(seq) as last from events`,
    [of.workspaceId, of.count, of.leadIds, of.reasoning],
  )
  return Number(row?.last)
}

// biome-ignore lint/suspicious/noExplicitAny: frames of any type, as JSON gave them
export type Frame = Record<string, any>

/** A list that grows, and waits for what it does not hold yet. */
export interface Inbox<T> {
  items: T[]
  push(item: T): void
  /** The first item, old or coming, that passes. */
  until(passes: (item: T) => boolean): Promise<T>
  /** Resolves when `passes` holds for the whole. */
  when(passes: (items: T[]) => boolean): Promise<T[]>
}

export function inbox<T>(): Inbox<T> {
  const items: T[] = []
  const waits = new Set<() => void>()
  const when = (passes: (items: T[]) => boolean) =>
    new Promise<T[]>((resolve) => {
      const check = () => {
        if (!passes(items)) return
        waits.delete(check)
        resolve(items)
      }
      waits.add(check)
      check()
    })
  return {
    items,
    push(item) {
      items.push(item)
      for (const check of [...waits]) check()
    },
    until: async (passes) => (await when((all) => all.some(passes))).find(passes) as T,
    when,
  }
}

export interface TestClient {
  socket: WebSocket
  frames: Inbox<Frame>
  closed: Promise<{ code: number; reason: string }>
  send(frame: unknown): void
  /** Sequence numbers of all score events so far. */
  seqs(): number[]
}

/** Connects with the real `ws`; rejects with `Error('<status>')` when the upgrade is refused. */
export async function connect(
  url: string,
  options: { protocols?: string[]; headers?: Record<string, string>; autoPong?: boolean } = {},
): Promise<TestClient> {
  const { protocols = ['leadpulse.feed.v1'], headers = {}, autoPong = true } = options
  const socket = new WebSocket(url, protocols, { headers, autoPong })
  const frames = inbox<Frame>()
  socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Frame))
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.on('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      response.resume()
      reject(new Error(String(response.statusCode)))
    })
  })
  return {
    socket,
    frames,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    seqs: () => seqsOf(frames.items),
  }
}

export function seqsOf(frames: Frame[]): number[] {
  return frames
    .filter(({ type }) => type === 'scores')
    .flatMap(({ events }) => (events as { seq: number }[]).map(({ seq }) => seq))
}

export const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)
