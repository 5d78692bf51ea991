/** Everything the writer of a message added, with the signature that the stored body leaves out. */
import { withoutQuotedThread } from '../text/quoted-thread.ts'
import type { StepMessage } from './step-message.ts'

/** Where the kept payload of a mail has the text as it came. */
const rawTextPaths: Record<string, readonly string[]> = {
  emailbison: ['data', 'reply', 'text_body'],
  postmark: ['TextBody'],
  smartlead: ['reply_message', 'text'],
  instantly: ['reply_text'],
}

export function ownTextOf(message: Pick<StepMessage, 'provider' | 'payload' | 'body'>): string {
  const raw = textAt(message.payload, rawTextPaths[message.provider] ?? [])
  return raw ? withoutQuotedThread(raw) : (message.body ?? '')
}

/** The text or number at a path of a payload of unknown shape. */
export function textAt(payload: unknown, path: readonly string[]): string | null {
  if (path.length === 0) return null
  let value = payload
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null
    value = (value as Record<string, unknown>)[name]
  }
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  return typeof value === 'string' && value.trim() !== '' ? value : null
}
