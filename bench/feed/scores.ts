/** Score events in bulk, as cheap for the database as they can be, and the frames made of them. */
import type { Client } from 'pg'
import { readFeed } from '../../src/domain/feed-log.ts'
import { frames } from '../../src/domain/feed-protocol.ts'
import type { Sql } from '../../src/domain/sql.ts'
import { addEvents } from '../../test/support/feed.ts'

export interface Target {
  id: string
  leadIds: string[]
}

/** Commits so many events in one transaction; answers the number of the last. */
export function commitEvents(client: Client, target: Target, count: number): Promise<number> {
  const sql: Sql = {
    query: async <Row>(text: string, params?: unknown[]) =>
      (await client.query(text, params)).rows as Row[],
  }
  const { id: workspaceId, leadIds } = target
  return addEvents(sql, { workspaceId, leadIds, count, reasoning: REASONING })
}

const REASONING =
  'Asks for a price for forty seats and proposes a call on Thursday; logistics, in the stated size.'

/** The first events of a workspace as frames of so many, numbered from 1. */
export async function framesOf(sql: Sql, workspaceId: string, perFrame: number, count: number) {
  const page = await readFeed(sql, { workspaceId, afterSeq: 0, limit: perFrame * count })
  const events = page?.events ?? []
  const made: string[] = []
  for (let at = 0; at + perFrame <= events.length; at += perFrame) {
    const part = events.slice(at, at + perFrame)
    const [first, last] = [part[0]?.seq ?? 0, part.at(-1)?.seq ?? 0]
    made.push(
      frames.scores(
        first,
        last,
        part.map((event) => JSON.stringify(event)),
      ),
    )
  }
  return made
}
