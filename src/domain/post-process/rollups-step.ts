/**
 * Step `rollups`, the last one: what belongs to the lead as a whole. Written by the lead's newest
 * message only, so that a late or repeated job never turns it back. Drafts that answered an older
 * message are put away. With it the message counts as processed.
 */
import { OUTDATED } from '../drafts/drafts.ts'
import type { Step } from './step.ts'

export const rollupsStep: Step = {
  name: 'rollups',
  plan({ id, leadId, seq, sentimentTag }) {
    return {
      write: async (tx) => {
        await tx.query(
          `with newest as (
             update lead set sentiment_tag = coalesce($2, sentiment_tag), updated_at = now()
             where id = $1
               and not exists (select 1 from message where lead_id = $1 and seq > $3)
             returning id
           )
           update ai_draft set status = 'dismissed', decided_at = now(), decided_by = $5
           from newest
           where ai_draft.lead_id = newest.id and ai_draft.status = 'pending'
             and ai_draft.message_id <> $4`,
          [leadId, sentimentTag, seq, id, OUTDATED],
        )
      },
    }
  },
}
