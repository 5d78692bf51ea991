/** Step `sentiment`: the tag of the message by the fixed rules. */
import { sentimentByRules } from '../sentiment.ts'
import type { Step } from './step.ts'

export const sentimentStep: Step = {
  name: 'sentiment',
  plan(message) {
    message.sentimentTag = sentimentByRules(message)
    return { write: async () => undefined }
  },
}
