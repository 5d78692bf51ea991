/** One row per step of a message's post-processing that did its work or failed at it. */
import { defineEntity, p } from '@mikro-orm/core'
import { stepNames } from '../post-process/step.ts'
import { Message } from './message.ts'

const messageStepSchema = defineEntity({
  name: 'MessageStep',
  tableName: 'message_step',
  properties: {
    message: () => p.manyToOne(Message).primary().deleteRule('cascade'),
    step: p.enum(stepNames).length(20).primary(),
    /** `failed` steps are optional ones; they run again only when the whole job does. */
    state: p.enum(['done', 'failed'] as const).length(10),
    /** Short cause for people, without message text. */
    error: p.text().nullable(),
    at: p.datetime().defaultRaw('now()'),
  },
})
export class MessageStep extends messageStepSchema.class {}
messageStepSchema.setClass(MessageStep)
