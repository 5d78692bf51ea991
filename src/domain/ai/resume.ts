/**
 * After a pause for the budget: finds leads with provisional scores in workspaces that may spend
 * again, and makes them due. Each takes the next `message_seq`, so it is found once, and keeps its
 * provisional score until the new one is there.
 */

import type { Store } from '../sql.ts'
import type { AiBudget } from './budget.ts'

export interface DueLead {
  workspaceId: string
  leadId: string
}

/** At most `limit` leads, all of workspaces whose LLM work is not paused. */
export async function resumeProvisional(
  store: Store,
  budget: AiBudget,
  limit: number,
): Promise<DueLead[]> {
  const workspaces = await store.query<{ id: string }>(
    `select distinct workspace_id as id from lead where provisional and message_seq = scored_seq`,
  )
  const due: DueLead[] = []
  for (const { id } of workspaces) {
    if (due.length >= limit) break
    if (await budget.isPaused(id)) continue
    due.push(...(await makeDue(store, id, limit - due.length)))
  }
  return due
}

function makeDue(store: Store, workspaceId: string, limit: number): Promise<DueLead[]> {
  return store.query<DueLead>(
    `update lead set message_seq = message_seq + 1, updated_at = now()
     where id in (
       select id from lead
       where provisional and workspace_id = $1::uuid and message_seq = scored_seq
       order by id
       limit $2::int
       for update skip locked
     )
     returning id as "leadId", workspace_id as "workspaceId"`,
    [workspaceId, limit],
  )
}
