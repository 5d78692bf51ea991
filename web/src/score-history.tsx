/** How the score moved: a small step chart, and beneath it each change with the message behind it. */
import { ago, exactly } from './format.ts'
import { causeOf, type Message, type Score as ScoreRow } from './lead-detail.ts'
import { Score } from './score.tsx'

interface HistoryProps {
  scores: ScoreRow[]
  messages: Message[]
  now: number
}

const WIDTH = 320
const HEIGHT = 96
const LEFT = 22
/** Beyond it the steps are thinner than a line; the list below has them all. */
const CHARTED_MAX = 60
const EXCERPT_CHARACTERS = 90

export function ScoreHistory({ scores, messages, now }: HistoryProps) {
  const newestFirst = [...scores].sort((a, b) => b.seq - a.seq)
  if (newestFirst.length === 0) return <p class="muted">Not scored yet.</p>
  return (
    <>
      <Chart scores={newestFirst.slice(0, CHARTED_MAX).reverse()} messages={messages} />
      <Legend />
      <ol class="history">
        {newestFirst.map((score) => (
          <li key={score.seq}>
            <p class="meta">
              <Score axis="overall" value={score.overallScore} />
              <time dateTime={score.scoredAt} title={exactly(score.scoredAt)}>
                {ago(score.scoredAt, now)}
              </time>
              <span>
                {score.model} · {score.promptVersion}
              </span>
            </p>
            <p>{score.scoreReasoning}</p>
            <Cause message={causeOf(score, messages)} />
          </li>
        ))}
      </ol>
    </>
  )
}

function Cause({ message }: { message: Message | null }) {
  if (!message) return null
  const excerpt = excerptOf(message)
  return (
    <p class="muted">
      after{' '}
      <a
        href={`#m-${message.id}`}
        onClick={(event) => {
          event.preventDefault()
          document.getElementById(`m-${message.id}`)?.scrollIntoView({ block: 'center' })
        }}
      >
        {excerpt ? `“${excerpt}”` : 'a message without text'}
      </a>
    </p>
  )
}

function excerptOf({ body, subject }: Message): string {
  const text = (body ?? subject ?? '').replace(/\s+/g, ' ').trim()
  return text.length > EXCERPT_CHARACTERS ? `${text.slice(0, EXCERPT_CHARACTERS)}…` : text
}

function titleOf({ overallScore, scoredAt }: ScoreRow, cause: Message | null): string {
  const after = cause ? `, after “${excerptOf(cause)}”` : ''
  return `Overall ${overallScore}${after}, ${exactly(scoredAt)}`
}

const axes = [
  { axis: 'overallScore', name: 'Overall' },
  { axis: 'fitScore', name: 'Fit' },
  { axis: 'intentScore', name: 'Intent' },
] as const

function Legend() {
  return (
    <p class="chart-legend">
      {axes.map(({ axis, name }) => (
        <span key={axis}>
          <svg width="26" height="8" aria-hidden="true">
            <path class={axis} d="M0 4H26" />
          </svg>
          {name}
        </span>
      ))}
    </p>
  )
}

const y = (value: number) => HEIGHT - 10 - ((value - 1) / 3) * (HEIGHT - 20)

function Chart({ scores, messages }: Pick<HistoryProps, 'scores' | 'messages'>) {
  const step = (WIDTH - LEFT - 8) / Math.max(1, scores.length)
  const x = (index: number) => LEFT + index * step
  const words = scores.map(({ overallScore }) => overallScore ?? 'unscored').join(', ')
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Overall score over time, oldest first: ${words}`}
    >
      {[1, 2, 3, 4].map((value) => (
        <g key={value}>
          <line class="grid" x1={LEFT} x2={WIDTH} y1={y(value)} y2={y(value)} />
          <text x="4" y={y(value) + 4}>
            {value}
          </text>
        </g>
      ))}
      {axes.toReversed().map(({ axis }) => (
        <path
          key={axis}
          class={axis}
          d={scores.map((score, index) => stepTo(score[axis], x(index), step, index)).join('')}
        />
      ))}
      {scores.map(
        (score, index) =>
          score.overallScore !== null && (
            <circle key={score.seq} cx={x(index)} cy={y(score.overallScore)} r="4.5">
              <title>{titleOf(score, causeOf(score, messages))}</title>
            </circle>
          ),
      )}
    </svg>
  )
}

/** Along the last value, then up or down to this one; an unscored time is a gap. */
function stepTo(value: number | null, x: number, step: number, index: number): string {
  if (value === null) return ''
  const at = y(value).toFixed(1)
  const from = x.toFixed(1)
  return `${index === 0 ? 'M' : 'L'}${from} ${at}H${(x + step).toFixed(1)}`
}
