/**
 * Disqualifying a lead and taking it back. Each takes the lead's next `message_seq` in the same
 * statement, so that a score follows it like it follows a message; callers send the scoring job
 * after their transaction has committed.
 */
import type { Sql } from './sql.ts'

export type Disqualifier = 'opt_out' | 'bounce' | 'person'

export interface Disqualification {
  workspaceId: string
  leadId: string
  /** Shown to people and in the score: `Disqualified: <reason>`. */
  reason: string
  by: Disqualifier
}

/**
 * False when the lead is unknown, carries this very reason already, or one that outweighs it: what a
 * person decided stands above a bounce, and that above an opt-out, which a START text takes back.
 */
export async function disqualify(sql: Sql, what: Disqualification): Promise<boolean> {
  const rows = await sql.query(
    `update lead
     set disqualified_reason = $3, disqualified_by = $4, disqualified_at = now(),
       message_seq = message_seq + 1, updated_at = now()
     where id = $1 and workspace_id = $2 and disqualified_reason is distinct from $3
       and (disqualified_by is null
         or array_position(array['opt_out', 'bounce', 'person'], $4::text)
           >= array_position(array['opt_out', 'bounce', 'person'], disqualified_by::text))
     returning id`,
    [what.leadId, what.workspaceId, what.reason, what.by],
  )
  return rows.length === 1
}

/**
 * Takes a disqualification back. With `onlyBy`, only one that came from there: a START text undoes
 * a STOP, not what a person decided. False when there was none to take back.
 */
export async function requalify(
  sql: Sql,
  what: { workspaceId: string; leadId: string; onlyBy?: Disqualifier },
): Promise<boolean> {
  const rows = await sql.query(
    `update lead
     set disqualified_reason = null, disqualified_by = null, disqualified_at = null,
       message_seq = message_seq + 1, updated_at = now()
     where id = $1 and workspace_id = $2 and disqualified_reason is not null
       and ($3::text is null or disqualified_by = $3)
     returning id`,
    [what.leadId, what.workspaceId, what.onlyBy ?? null],
  )
  return rows.length === 1
}

/** Makes the lead due for a new score although nothing was said. False when it is unknown. */
export async function askForRescore(
  sql: Sql,
  what: { workspaceId: string; leadId: string },
): Promise<boolean> {
  const rows = await sql.query(
    `update lead
     set message_seq = message_seq + 1, parked_at = null, updated_at = now()
     where id = $1 and workspace_id = $2
     returning id`,
    [what.leadId, what.workspaceId],
  )
  return rows.length === 1
}
