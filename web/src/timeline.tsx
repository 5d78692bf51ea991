/** The way of one message: each stage with its time, how long it took, and what its steps did. */
import type { Api } from './api.ts'
import { exactly } from './format.ts'
import { duration } from './jobs.ts'
import { useLoaded } from './loading.ts'
import { Score } from './score.tsx'

interface MessageTimeline {
  messageId: string
  direction: 'inbound' | 'outbound'
  stages: { stage: string; at: string | null; tookMs: number | null }[]
  totalMs: number | null
  steps: { step: string; state: 'done' | 'failed'; error: string | null; at: string }[]
  score: { seq: number; overallScore: number | null; model: string } | null
  coveredWithoutScore: boolean
  scoringError: string | null
}

/** The time up to a stage is spent on what stands here. */
const words: Record<string, { name: string; spent: string }> = {
  received: { name: 'Received', spent: '' },
  stored: { name: 'Stored', spent: 'storing' },
  picked_up: { name: 'Picked up', spent: 'in the queue' },
  post_processed: { name: 'Post-processed', spent: 'post-processing' },
  scoring: { name: 'Scoring began', spent: 'waiting: quiet window, then its turn' },
  scored: { name: 'Scored', spent: 'scoring' },
}

export function Timeline({ client, messageId }: { client: Api; messageId: string }) {
  const { value, error, reload } = useLoaded(
    () => client.get<MessageTimeline>(`/api/v1/messages/${messageId}/timeline`),
    [client, messageId],
  )
  if (error) {
    return (
      <p class="problem" role="alert">
        The timeline could not be loaded. {error}{' '}
        <button type="button" onClick={reload}>
          Try again
        </button>
      </p>
    )
  }
  if (!value) return <p class="muted">Loading…</p>
  return (
    <div class="timeline">
      <Stages timeline={value} />
      <End timeline={value} onReload={reload} />
      <Steps steps={value.steps} />
    </div>
  )
}

function Stages({ timeline: { stages, direction } }: { timeline: MessageTimeline }) {
  const shown = direction === 'outbound' ? stages.slice(0, 2) : stages
  const longest = Math.max(1, ...shown.map(({ tookMs }) => tookMs ?? 0))
  return (
    <ol>
      {shown.map(({ stage, at, tookMs }) => (
        <li key={stage} class={at ? 'reached' : 'open'}>
          <span class="stage">{words[stage]?.name ?? stage}</span>
          {at ? (
            <time dateTime={at} title={exactly(at)}>
              {at.slice(11, 23)}
            </time>
          ) : (
            <span class="muted">not yet, or not kept</span>
          )}
          {tookMs !== null && (
            <span class="took">
              <svg width="120" height="8" aria-hidden="true">
                <rect width={Math.max(2, (tookMs / longest) * 120)} height="8" rx="2" />
              </svg>
              {duration(tookMs)} <span class="muted">{words[stage]?.spent}</span>
            </span>
          )}
        </li>
      ))}
    </ol>
  )
}

function End({ timeline, onReload }: { timeline: MessageTimeline; onReload(): void }) {
  const { direction, totalMs, score, coveredWithoutScore, scoringError } = timeline
  if (direction === 'outbound')
    return <p class="muted">We wrote it: it is context, and not scored.</p>
  if (score) {
    return (
      <p>
        <Score axis="overall" value={score.overallScore} /> by {score.model}
        {totalMs !== null && `, ${duration(totalMs)} after it was received`} (times in UTC)
      </p>
    )
  }
  if (coveredWithoutScore)
    return <p class="muted">Nothing to score, or the score is no longer kept.</p>
  return (
    <p class={scoringError ? 'failed' : 'muted'}>
      {scoringError ? `Not scored yet: ${scoringError}` : 'Not scored yet.'}{' '}
      <button type="button" onClick={onReload}>
        Look again
      </button>
    </p>
  )
}

function Steps({ steps }: { steps: MessageTimeline['steps'] }) {
  if (steps.length === 0) return null
  return (
    <p class="steps">
      <span class="muted">Steps:</span>{' '}
      {steps.map(({ step, state, error, at }) => (
        <span key={step} class={`tag ${state === 'failed' ? 'failed' : ''}`} title={exactly(at)}>
          {step.replaceAll('_', ' ')}
          {state === 'failed' && ` failed: ${error}`}
        </span>
      ))}
    </p>
  )
}
