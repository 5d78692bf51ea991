/** EmailBison's API: the campaign mails that were sent to a lead. */
import { z } from 'zod'
import { dedupeKey, parseTime, textOrNull } from '../domain/channels/decode.ts'
import { hostOf } from '../domain/channels/emailbison-payload.ts'
import { OutsideError, type TranscriptSource } from '../domain/post-process/outside.ts'
import { textAt } from '../domain/post-process/own-text.ts'
import { subjectOf } from '../domain/text/plain-text.ts'
import { newTextOf } from '../domain/text/quoted-thread.ts'
import type { Outbound } from './outbound.ts'
import { idOf, pages, requiredBase, sentMessage, urlOf } from './transcript.ts'

const text = z.unknown().optional().transform(textOrNull)
const replySchema = z.object({
  data: z.array(
    z.looseObject({ id: text, email_subject: text, email_body: text, status: text, sent_at: text }),
  ),
  meta: z
    .looseObject({ last_page: z.number().nullish().catch(null) })
    .nullish()
    .catch(null),
})

export function emailbisonTranscripts(outbound: Outbound): TranscriptSource {
  return {
    async sentMessages({ payload, account }, signal) {
      const leadId = idOf(textAt(payload, ['data', 'lead', 'id']))
      const host = hostOf(textAt(payload, ['event', 'instance_url']) ?? '')
      const workspace = textAt(payload, ['event', 'workspace_id'])?.trim()
      if (!leadId || !host || !workspace) return null
      const base = requiredBase(account.baseUrl, 'emailbison')
      const scope = `emailbison:${host}:${workspace}`
      return pages<number>(async (cursor) => {
        const page = cursor ?? 1
        const url = urlOf(base, ['api', 'leads', leadId, 'sent-emails'], { page: String(page) })
        const headers = { authorization: `Bearer ${account.apiKey}` }
        const parsed = replySchema.safeParse(await outbound.json({ url, headers }, signal))
        if (!parsed.success) throw new OutsideError('emailbison answered an unknown shape')
        const { data, meta } = parsed.data
        const messages = data.flatMap((mail) =>
          mail.id === null
            ? []
            : sentMessage({
                dedupeKey: dedupeKey(scope, 'scheduled_email', mail.id),
                externalId: mail.id,
                subject: subjectOf(mail.email_subject),
                body: newTextOf({ html: mail.email_body }),
                sentAt: parseTime(mail.sent_at),
              }),
        )
        return { messages, next: page < (meta?.last_page ?? 1) ? page + 1 : null }
      })
    },
  }
}
