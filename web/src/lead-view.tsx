/** One lead: who it is, its score and why, what a person may do, the history and the conversation. */
import { useEffect } from 'preact/hooks'
import type { Api } from './api.ts'
import type { Board } from './board.ts'
import { Drafts } from './drafts.tsx'
import { ago, channelName, exactly } from './format.ts'
import { LeadActions } from './lead-actions.tsx'
import type { LeadDetail, Message, Score as ScoreRow } from './lead-detail.ts'
import { useLoaded } from './loading.ts'
import { Score } from './score.tsx'
import { ScoreHistory } from './score-history.tsx'
import { Transcript } from './transcript.tsx'

interface LeadViewProps {
  client: Api
  board: Board
  leadId: string
  now: number
  onBack(): void
}

interface Story {
  lead: LeadDetail | null
  messages: Message[]
  scores: ScoreRow[]
}

/** A lead that waits for its score is looked at again; the feed tells only of scores. */
const PENDING_LOOK_MS = 4000

export function LeadView({ client, board, leadId, now, onBack }: LeadViewProps) {
  const story = useLoaded(() => load(client, leadId), [client, leadId])
  const { value, error, reload } = story
  useEffect(() => board.watch(leadId, reload), [board, leadId])
  const isPending = value?.lead?.state === 'pending'
  useEffect(() => {
    if (!isPending) return
    const timer = setInterval(reload, PENDING_LOOK_MS)
    return () => clearInterval(timer)
  }, [isPending])
  const lead = value?.lead
  return (
    <article class="lead">
      <button type="button" class="quiet back" onClick={onBack}>
        ← All leads
      </button>
      {error && (
        <p class="problem" role="alert">
          The lead could not be loaded. {error}{' '}
          <button type="button" onClick={reload}>
            Try again
          </button>
        </p>
      )}
      {!value && !error && <p class="muted pad">Loading…</p>}
      {value && !lead && <p class="notice">There is no such lead. It may have been erased.</p>}
      {value && lead && (
        <>
          <Head lead={lead} now={now} />
          <LeadActions client={client} lead={lead} onChanged={reload} onErased={onBack} />
          <Drafts client={client} leadId={leadId} version={lead.messageSeq} />
          <div class="columns">
            <section aria-labelledby="conversation">
              <h3 id="conversation">Conversation</h3>
              <Transcript {...{ client, now }} messages={value.messages} scores={value.scores} />
            </section>
            <div>
              <section aria-labelledby="history">
                <h3 id="history">Scores</h3>
                <ScoreHistory scores={value.scores} messages={value.messages} now={now} />
              </section>
              <section aria-labelledby="about">
                <h3 id="about">About</h3>
                <Facts lead={lead} />
              </section>
            </div>
          </div>
        </>
      )}
    </article>
  )
}

async function load(client: Api, leadId: string): Promise<Story> {
  const lead = await client.lead(leadId)
  if (!lead) return { lead, messages: [], scores: [] }
  const [messages, scores] = await Promise.all([client.messages(leadId), client.scores(leadId)])
  return { lead, messages, scores }
}

function Head({ lead, now }: { lead: LeadDetail; now: number }) {
  const { scoredAt, scoringError, disqualifiedReason, state } = lead
  return (
    <div class="lead-head">
      <div>
        <h2>
          {lead.name ?? lead.email ?? lead.phone ?? 'Unknown'}{' '}
          {lead.demo && <span class="tag">demo</span>}
        </h2>
        <p class="muted">{[lead.title, lead.company].filter(Boolean).join(' · ') || '-'}</p>
      </div>
      <dl class="scores">
        <div>
          <dt>Overall</dt>
          <dd>
            <Score axis="overall" value={lead.overallScore} />
          </dd>
        </div>
        <div>
          <dt>Fit</dt>
          <dd>
            <Score axis="fit" value={lead.fitScore} />
          </dd>
        </div>
        <div>
          <dt>Intent</dt>
          <dd>
            <Score axis="intent" value={lead.intentScore} />
          </dd>
        </div>
        <div>
          <dt>Sentiment</dt>
          <dd>{lead.sentimentTag}</dd>
        </div>
      </dl>
      <p class="why">
        {lead.scoreReasoning ?? (state === 'pending' ? 'Waiting for its score.' : 'Not scored.')}
        {scoredAt && (
          <span class="muted">
            {' '}
            Scored by {lead.scoredBy},{' '}
            <time dateTime={scoredAt} title={exactly(scoredAt)}>
              {ago(scoredAt, now)}
            </time>
            .
          </span>
        )}
      </p>
      {state === 'pending' && scoredAt && <p class="notice">A new score is on its way.</p>}
      {disqualifiedReason && <p class="notice">Disqualified: {disqualifiedReason}</p>}
      {scoringError && (
        <p class="problem">
          {lead.parkedAt ? 'Scoring gave up' : 'Not scored yet'}: {scoringError}
          {lead.parkedAt && '. Score again to give it another try.'}
        </p>
      )}
    </div>
  )
}

function Facts({ lead }: { lead: LeadDetail }) {
  const facts: [string, string | null][] = [
    ['Email', lead.email],
    ['Phone', lead.phone],
    ['LinkedIn', lead.linkedinUrl],
    ['Industry', lead.industry],
    ['Headcount', lead.headcount],
    ['Channels', lead.channels.map(channelName).join(', ') || null],
    ['First seen', exactly(lead.createdAt)],
  ]
  return (
    <dl class="facts">
      {facts.map(
        ([name, value]) =>
          value && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  )
}
