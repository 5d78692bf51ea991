/**
 * Step `rollups`, the last one: what belongs to the lead as a whole. Written by the lead's newest
 * message only, so that a late or repeated job never turns it back. With it the message counts as
 * processed.
 */
import type { Step } from './step.ts'

export const rollupsStep: Step = {
  name: 'rollups',
  plan({ leadId, seq, sentimentTag }) {
    return {
      write: async (tx) => {
        await tx.query(
          `update lead set sentiment_tag = coalesce($2, sentiment_tag), updated_at = now()
           where id = $1
             and not exists (select 1 from message where lead_id = $1 and seq > $3)`,
          [leadId, sentimentTag, seq],
        )
      },
    }
  },
}
