/** Messages stored as the ingest stores them, and post-processed as their job would. */
import type { Database } from '../../src/database.ts'
import type { Offered } from '../../src/domain/ingest/offered.ts'
import { storeGroup } from '../../src/domain/ingest/store-group.ts'
import { noOutside, type Outside } from '../../src/domain/post-process/outside.ts'
import { type PostProcessJob, postProcess } from '../../src/domain/post-process/run-steps.ts'
import { type EventSketch, offeredEvent } from './events.ts'

const never = new AbortController().signal

export async function storeMessage(
  database: Database,
  workspaceId: string,
  sketch: EventSketch,
  connection: Partial<Pick<Offered, 'connectionId' | 'provider'>> = {},
): Promise<PostProcessJob> {
  const offered = { ...offeredEvent(workspaceId, sketch), ...connection }
  const [stored] = await database.transaction((tx) => storeGroup(tx, [offered], async () => {}))
  if (stored?.status !== 'accepted') throw new Error(`not stored: ${stored?.status}`)
  return { workspaceId, leadId: stored.leadId, messageId: stored.messageId }
}

export function runSteps(
  database: Database,
  job: PostProcessJob,
  outside: Partial<Outside> = {},
  signal = never,
) {
  return postProcess({ store: database, outside: { ...noOutside, ...outside } }, job, signal)
}

/** Step to `done`, or to the error it failed with. */
export async function stepsDone(
  database: Database,
  { messageId }: PostProcessJob,
): Promise<Record<string, string>> {
  const rows = await database.query<{ step: string; state: string; error: string | null }>(
    'select step, state, error from message_step where message_id = $1::uuid',
    [messageId],
  )
  return Object.fromEntries(rows.map(({ step, state, error }) => [step, error ?? state]))
}

export interface LeadSeen {
  messageSeq: number
  sentimentTag: string
  disqualifiedReason: string | null
}

export async function leadSeen(database: Database, leadId: string): Promise<LeadSeen> {
  const [row] = await database.query<LeadSeen>(
    `select message_seq as "messageSeq", sentiment_tag as "sentimentTag",
       disqualified_reason as "disqualifiedReason"
     from lead where id = $1::uuid`,
    [leadId],
  )
  if (!row) throw new Error('no such lead')
  return { ...row, messageSeq: Number(row.messageSeq) }
}
