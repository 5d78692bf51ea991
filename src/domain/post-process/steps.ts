/** The explicit list of steps that an inbound message of each channel goes through, in order. */
import type { Channel } from '../channels/inbound-event.ts'
import { backfillStep } from './backfill-step.ts'
import { contactsStep } from './contacts-step.ts'
import { draftStep } from './draft-step.ts'
import { enrichmentStep } from './enrichment-step.ts'
import { rollupsStep } from './rollups-step.ts'
import { rulesStep } from './rules-step.ts'
import { sentimentStep } from './sentiment-step.ts'
import type { Step } from './step.ts'

const steps: Record<Channel, readonly Step[]> = {
  email: [
    rulesStep,
    backfillStep,
    contactsStep,
    enrichmentStep,
    sentimentStep,
    draftStep,
    rollupsStep,
  ],
  sms: [
    rulesStep,
    backfillStep,
    contactsStep,
    enrichmentStep,
    sentimentStep,
    draftStep,
    rollupsStep,
  ],
  linkedin: [
    rulesStep,
    backfillStep,
    contactsStep,
    enrichmentStep,
    sentimentStep,
    draftStep,
    rollupsStep,
  ],
  smartlead: [
    rulesStep,
    backfillStep,
    contactsStep,
    enrichmentStep,
    sentimentStep,
    draftStep,
    rollupsStep,
  ],
  instantly: [
    rulesStep,
    backfillStep,
    contactsStep,
    enrichmentStep,
    sentimentStep,
    draftStep,
    rollupsStep,
  ],
}

export const stepsOf = (channel: Channel): readonly Step[] => steps[channel]
