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

/** Cheap and certain first: what disqualifies is decided before anything is asked of anybody. */
const everyStep: readonly Step[] = [
  rulesStep,
  backfillStep,
  contactsStep,
  enrichmentStep,
  sentimentStep,
  draftStep,
  rollupsStep,
]

/** All the same today: what a step cannot do for a channel it plans away by itself. */
const steps: Record<Channel, readonly Step[]> = {
  email: everyStep,
  sms: everyStep,
  linkedin: everyStep,
  smartlead: everyStep,
  instantly: everyStep,
}

export const stepsOf = (channel: Channel): readonly Step[] => steps[channel]
