/**
 * SmartLead's API: the message history of a lead in a campaign. Its documentation shows two forms of
 * the reply, `history` (what it answers) and `messages`; both are read.
 */
import { z } from 'zod'
import { dedupeKey, parseTime, textOrNull } from '../domain/channels/decode.ts'
import { messageIdOf } from '../domain/channels/machine-mail.ts'
import { OutsideError, type TranscriptSource } from '../domain/post-process/outside.ts'
import { textAt } from '../domain/post-process/own-text.ts'
import { newTextOf } from '../domain/text/quoted-thread.ts'
import type { Outbound } from './outbound.ts'
import { idOf, sentMessage, urlOf } from './transcript.ts'

const PUBLIC_BASE = 'https://server.smartlead.ai/api/v1'

const text = z.unknown().optional().transform(textOrNull)
const entrySchema = z.looseObject({
  type: text,
  direction: text,
  message_id: text,
  id: text,
  time: text,
  sent_at: text,
  subject: text,
  email_body: text,
  body: text,
})
const replySchema = z.union([
  z.object({ history: z.array(entrySchema) }).transform(({ history }) => history),
  z.object({ messages: z.array(entrySchema) }).transform(({ messages }) => messages),
])

export function smartleadTranscripts(outbound: Outbound): TranscriptSource {
  return {
    async sentMessages({ payload, account }, signal) {
      const campaign = idOf(textAt(payload, ['campaign_id']))
      const lead = idOf(textAt(payload, ['sl_email_lead_id']) ?? textAt(payload, ['lead_id']))
      if (!campaign || !lead) return null
      const url = urlOf(
        account.baseUrl ?? PUBLIC_BASE,
        ['campaigns', campaign, 'leads', lead, 'message-history'],
        { api_key: account.apiKey, show_plain_text_response: 'true' },
      )
      const parsed = replySchema.safeParse(await outbound.json({ url }, signal))
      if (!parsed.success) throw new OutsideError('smartlead answered an unknown shape')
      return parsed.data.flatMap((mail) => {
        const isSent = mail.type?.toUpperCase() === 'SENT' || mail.direction === 'outbound'
        const id = messageIdOf(mail.message_id) ?? mail.id
        if (!isSent || !id) return []
        return sentMessage({
          dedupeKey: dedupeKey('smartlead', campaign, id),
          externalId: id,
          subject: mail.subject,
          body: newTextOf({ html: mail.email_body ?? mail.body }),
          sentAt: parseTime(mail.time) ?? parseTime(mail.sent_at),
        })
      })
    },
  }
}
