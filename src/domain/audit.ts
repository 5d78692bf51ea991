/** The audit trail: one row for everything a person changed, in the transaction that changed it. */
import { v7 as uuidv7 } from 'uuid'
import type { Principal } from './access.ts'
import type { Sql } from './sql.ts'

export type AuditAction =
  | 'workspace.create'
  | 'settings.update'
  | 'connection.create'
  | 'connection.update'
  | 'connection.rotate'
  | 'connection.delete'
  | 'draft.approve'
  | 'draft.dismiss'
  | 'lead.rescore'
  | 'lead.disqualify'
  | 'lead.requalify'
  | 'lead.erase'
  | 'lead.export'
  | 'token.create'
  | 'token.revoke'
  | 'rejected.replay'
  | 'job.retry'
  | 'job.redrive'
  | 'job.drain'
  | 'backfill.start'
  | 'simulation.start'
  | 'simulation.remove'
  | 'connection.test'

export interface AuditEntry {
  action: AuditAction
  targetId: string | null
  /** Names and choices only: no secret and no personal data, which would outlive an erased lead. */
  detail?: Record<string, unknown>
}

export async function audit(
  tx: Sql,
  who: Pick<Principal, 'workspaceId' | 'actor'>,
  { action, targetId, detail }: AuditEntry,
): Promise<void> {
  await tx.query(
    `insert into audit_event (id, workspace_id, actor, action, target_id, detail)
     values ($1::uuid, $2::uuid, $3, $4, $5, $6::jsonb)`,
    [
      uuidv7(),
      who.workspaceId,
      who.actor,
      action,
      targetId,
      detail === undefined ? null : JSON.stringify(detail),
    ],
  )
}
