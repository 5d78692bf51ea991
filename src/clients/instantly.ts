/** Instantly's API v2: the mails that were sent to a lead, by campaigns and by hand. */
import { z } from 'zod'
import { parseTime, textOrNull } from '../domain/channels/decode.ts'
import { sentMailKey } from '../domain/channels/instantly.ts'
import { OutsideError, type TranscriptSource } from '../domain/post-process/outside.ts'
import { textAt } from '../domain/post-process/own-text.ts'
import { newTextOf } from '../domain/text/quoted-thread.ts'
import type { Outbound } from './outbound.ts'
import { pages, sentMessage, urlOf } from './transcript.ts'

const PUBLIC_BASE = 'https://api.instantly.ai'
const PAGE_MAILS = '100'
/** `ue_type`: 1 sent by a campaign, 2 received, 3 sent by hand, 4 scheduled. */
const sentTypes = new Set([1, 3])

const text = z.unknown().optional().transform(textOrNull)
const replySchema = z.object({
  items: z.array(
    z.looseObject({
      id: text,
      ue_type: z.number().nullish().catch(null),
      timestamp_email: text,
      timestamp_created: text,
      subject: text,
      body: z.looseObject({ text, html: text }).nullish().catch(null),
    }),
  ),
  next_starting_after: text,
})

export function instantlyTranscripts(outbound: Outbound): TranscriptSource {
  return {
    async sentMessages({ payload, account }, signal) {
      const lead = textAt(payload, ['lead_email'])
      const tenant = textAt(payload, ['workspace'])
      if (!lead || !tenant) return null
      return pages<string>(async (startingAfter) => {
        const url = urlOf(account.baseUrl ?? PUBLIC_BASE, ['api', 'v2', 'emails'], {
          lead,
          limit: PAGE_MAILS,
          starting_after: startingAfter,
        })
        const headers = { authorization: `Bearer ${account.apiKey}` }
        const parsed = replySchema.safeParse(await outbound.json({ url, headers }, signal))
        if (!parsed.success) throw new OutsideError('instantly answered an unknown shape')
        const { items, next_starting_after: next } = parsed.data
        const messages = items.flatMap((mail) =>
          mail.id === null || !sentTypes.has(mail.ue_type ?? 0)
            ? []
            : sentMessage({
                dedupeKey: sentMailKey(tenant, mail.id),
                externalId: mail.id,
                subject: mail.subject,
                body: newTextOf({ text: mail.body?.text, html: mail.body?.html }),
                sentAt: parseTime(mail.timestamp_email) ?? parseTime(mail.timestamp_created),
              }),
        )
        return { messages, next }
      })
    },
  }
}
