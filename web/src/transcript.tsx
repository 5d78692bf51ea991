/** The conversation over all channels, oldest first, with the score that each message led to. */
import { useState } from 'preact/hooks'
import type { Api } from './api.ts'
import { ago, channelName, exactly } from './format.ts'
import { causeOf, type Message, type Score as ScoreRow } from './lead-detail.ts'
import { Score } from './score.tsx'
import { Timeline } from './timeline.tsx'

interface TranscriptProps {
  client: Api
  messages: Message[]
  scores: ScoreRow[]
  now: number
}

const kinds: Record<Message['kind'], string | null> = {
  text: null,
  auto_reply: 'automatic reply',
  opt_out: 'opt-out',
  opt_in: 'opt-in',
  bounce: 'bounce',
}

export function Transcript({ client, messages, scores, now }: TranscriptProps) {
  if (messages.length === 0) return <p class="muted">No message yet.</p>
  const ordered = [...messages].sort((a, b) => (a.sentAt < b.sentAt ? -1 : 1))
  const led = new Map<string, ScoreRow>()
  // Newest last: of several scores after one message the last one counts.
  for (const score of [...scores].sort((a, b) => a.seq - b.seq)) {
    const cause = causeOf(score, messages)
    if (cause) led.set(cause.id, score)
  }
  return (
    <ol class="transcript">
      {ordered.map((message) => (
        <li key={message.id} id={`m-${message.id}`} class={message.direction}>
          <p class="meta">
            <strong>{message.direction === 'inbound' ? 'Lead' : 'We'}</strong>{' '}
            <span>{channelName(message.channel)}</span>{' '}
            <time dateTime={message.sentAt} title={exactly(message.sentAt)}>
              {ago(message.sentAt, now)}
            </time>
            {kinds[message.kind] && <span class="tag">{kinds[message.kind]}</span>}
            {message.sentimentTag && <span class="tag">{message.sentimentTag}</span>}
          </p>
          {message.subject && <p class="subject">{message.subject}</p>}
          <p class="body">{message.body || <span class="muted">(no text)</span>}</p>
          {message.attachments > 0 && (
            <p class="muted">{message.attachments} attachments, not kept</p>
          )}
          {message.repliedFrom && <p class="muted">answered from {message.repliedFrom}</p>}
          <Led score={led.get(message.id)} />
          {message.direction === 'inbound' && <Way client={client} messageId={message.id} />}
        </li>
      ))}
    </ol>
  )
}

/** Asked for when it is opened: few people want to know. */
function Way({ client, messageId }: { client: Api; messageId: string }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <button type="button" class="quiet way" aria-expanded={open} onClick={() => setOpen(!open)}>
        Timeline
      </button>
      {open && <Timeline client={client} messageId={messageId} />}
    </>
  )
}

function Led({ score }: { score: ScoreRow | undefined }) {
  if (!score) return null
  return (
    <p class="led">
      <span aria-hidden="true">→ </span>
      <span class="hidden">Led to score </span>
      <Score axis="overall" value={score.overallScore} />
    </p>
  )
}
