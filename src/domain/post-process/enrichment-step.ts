/**
 * Step `enrichment`: asks the workspace's Clay table about a lead whose profile has blanks. The
 * answer comes by webhook, later, and is followed by a score of its own: nobody waits for it here.
 */
import { noteEnrichmentAsked, readEnrichmentSubject } from '../enrichment/enrichment.ts'
import type { Step } from './step.ts'

export const enrichmentStep: Step = {
  name: 'enrichment',
  plan({ kind, clayWebhookUrl: url, hasSuccessor, workspaceId, leadId, id }, { store, outside }) {
    const { enricher } = outside
    if (!url || !enricher) return { skip: 'no Clay webhook' }
    if (kind !== 'text') return { skip: 'nothing to score' }
    if (hasSuccessor) return { skip: 'left to the next message' }
    return {
      call: async (signal) => {
        const lead = { workspaceId, leadId }
        const subject = await readEnrichmentSubject(store, lead)
        if (!subject) return {}
        const callbackUrl = enricher.callbackUrl(lead)
        // A repeated job may ask again: messageId tells Clay, and the answer changes nothing twice.
        const body = { leadId, messageId: id, callbackUrl, ...subject }
        await enricher.send({ url, body }, signal)
        return { write: (tx) => noteEnrichmentAsked(tx, leadId) }
      },
    }
  },
}
