/** GoHighLevel's API: the outbound messages of a conversation, which is looked up by contact. */
import { z } from 'zod'
import { dedupeKey, parseTime, textOrNull } from '../domain/channels/decode.ts'
import {
  type ApiAccount,
  OutsideError,
  type TranscriptSource,
} from '../domain/post-process/outside.ts'
import { textAt } from '../domain/post-process/own-text.ts'
import { tidyText } from '../domain/text/plain-text.ts'
import { newTextOf } from '../domain/text/quoted-thread.ts'
import type { Outbound } from './outbound.ts'
import { idOf, pages, sentMessage, urlOf } from './transcript.ts'

const PUBLIC_BASE = 'https://services.leadconnectorhq.com'
/** The only version that the conversations API documents. */
const API_VERSION = '2021-04-15'
const PAGE_MESSAGES = '100'

/** Calls, internal notes and what the system noted itself: nobody wrote it to the lead. */
const noText = /call|voicemail|activity|internal|ivr/i

const text = z.unknown().optional().transform(textOrNull)
const searchSchema = z.object({ conversations: z.array(z.looseObject({ id: text })) })
const messagesSchema = z.object({
  messages: z.object({
    lastMessageId: text,
    nextPage: z.boolean().nullish().catch(false),
    messages: z.array(
      z.looseObject({
        id: text,
        direction: text,
        messageType: text,
        body: text,
        subject: text,
        dateAdded: text,
      }),
    ),
  }),
})

export function gohighlevelTranscripts(outbound: Outbound): TranscriptSource {
  return {
    async sentMessages({ payload, account }, signal) {
      const location = placeOf(payload, [
        ['locationId'],
        ['location', 'id'],
        ['customData', 'location_id'],
      ])
      if (!location) return null
      const conversation =
        placeOf(payload, [['conversationId']]) ??
        (await findConversation(outbound, account, { payload, location }, signal))
      if (!conversation) return null
      return pages<string>(async (lastMessageId) => {
        const url = urlOf(
          account.baseUrl ?? PUBLIC_BASE,
          ['conversations', conversation, 'messages'],
          {
            limit: PAGE_MESSAGES,
            lastMessageId,
          },
        )
        const reply = await outbound.json({ url, headers: headersOf(account) }, signal)
        const parsed = messagesSchema.safeParse(reply)
        if (!parsed.success) throw new OutsideError('gohighlevel answered an unknown shape')
        const { messages, nextPage, lastMessageId: last } = parsed.data.messages
        return {
          messages: messages.flatMap((message) => {
            if (message.direction !== 'outbound' || message.id === null) return []
            if (noText.test(message.messageType ?? '')) return []
            const isMail = /email/i.test(message.messageType ?? '')
            return sentMessage({
              dedupeKey: dedupeKey('gohighlevel', location, message.id),
              externalId: message.id,
              subject: message.subject,
              body: isMail ? newTextOf({ html: message.body }) : tidyText(message.body ?? ''),
              sentAt: parseTime(message.dateAdded),
            })
          }),
          next: nextPage ? last : null,
        }
      })
    },
  }
}

async function findConversation(
  outbound: Outbound,
  account: ApiAccount,
  { payload, location }: { payload: unknown; location: string },
  signal: AbortSignal,
): Promise<string | null> {
  const contactId = placeOf(payload, [['contactId'], ['contact_id']])
  if (!contactId) return null
  const url = urlOf(account.baseUrl ?? PUBLIC_BASE, ['conversations', 'search'], {
    locationId: location,
    contactId,
  })
  const parsed = searchSchema.safeParse(
    await outbound.json({ url, headers: headersOf(account) }, signal),
  )
  if (!parsed.success) throw new OutsideError('gohighlevel answered an unknown shape')
  return idOf(parsed.data.conversations[0]?.id)
}

function headersOf({ apiKey }: ApiAccount): Record<string, string> {
  return { authorization: `Bearer ${apiKey}`, version: API_VERSION }
}

/** App and workflow webhooks name the same things differently. */
function placeOf(payload: unknown, paths: string[][]): string | null {
  return paths.map((path) => idOf(textAt(payload, path))).find((id) => id !== null) ?? null
}
