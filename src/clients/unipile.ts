/** Unipile's API: our own messages of a LinkedIn chat. */
import { z } from 'zod'
import { dedupeKey, parseTime, textOrNull } from '../domain/channels/decode.ts'
import { OutsideError, type TranscriptSource } from '../domain/post-process/outside.ts'
import { textAt } from '../domain/post-process/own-text.ts'
import { tidyText } from '../domain/text/plain-text.ts'
import type { Outbound } from './outbound.ts'
import { idOf, pages, requiredBase, sentMessage, urlOf } from './transcript.ts'

const PAGE_MESSAGES = '100'

const text = z.unknown().optional().transform(textOrNull)
const flag = z
  .unknown()
  .optional()
  .transform((raw) => raw === true || raw === 1 || raw === '1')
const replySchema = z.object({
  items: z.array(
    z.looseObject({
      id: text,
      text,
      timestamp: text,
      is_sender: flag,
      is_event: flag,
      deleted: flag,
    }),
  ),
  cursor: text,
})

export function unipileTranscripts(outbound: Outbound): TranscriptSource {
  return {
    async sentMessages({ payload, account }, signal) {
      const chat = idOf(textAt(payload, ['chat_id']))
      const accountId = idOf(textAt(payload, ['account_id']))
      if (!chat || !accountId) return null
      const base = requiredBase(account.baseUrl, 'unipile')
      return pages<string>(async (cursor) => {
        const url = urlOf(base, ['api', 'v1', 'chats', chat, 'messages'], {
          limit: PAGE_MESSAGES,
          cursor,
        })
        const headers = { 'x-api-key': account.apiKey }
        const parsed = replySchema.safeParse(await outbound.json({ url, headers }, signal))
        if (!parsed.success) throw new OutsideError('unipile answered an unknown shape')
        const messages = parsed.data.items.flatMap((message) =>
          message.id === null || !message.is_sender || message.is_event || message.deleted
            ? []
            : sentMessage({
                dedupeKey: dedupeKey('unipile', accountId, message.id),
                externalId: message.id,
                subject: null,
                body: tidyText(message.text ?? ''),
                sentAt: parseTime(message.timestamp),
              }),
        )
        return { messages, next: parsed.data.cursor }
      })
    },
  }
}
