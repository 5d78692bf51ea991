/** A small chart over the last hour: stacked bars, one colour and pattern for each series. */
import { exactly } from './format.ts'

export interface Series {
  name: string
  /** By the beginning of the bucket, in milliseconds. */
  values: Map<number, number>
}

interface TimeChartProps {
  title: string
  series: Series[]
  bucketMinutes: number
  now: number
  format(value: number): string
  /** What the whole says, for those who do not see it and as the line below it. */
  summary: string
  /** `sum`: the series stand on one another · `side`: beside one another. */
  together: 'sum' | 'side'
}

const WIDTH = 600
const HEIGHT = 132
const LEFT = 64
const TOP = 10
const BOTTOM = 24
const MINUTES = 60

export function TimeChart(props: TimeChartProps) {
  const { title, series, bucketMinutes, now, format, summary, together } = props
  const width = bucketMinutes * 60_000
  const newest = Math.floor(now / width) * width
  const count = Math.ceil(MINUTES / bucketMinutes)
  const buckets = Array.from({ length: count }, (_, index) => newest - (count - 1 - index) * width)
  const valueIn = (each: Series, from: number) => each.values.get(from) ?? 0
  const heights = buckets.map((from) => {
    const values = series.map((each) => valueIn(each, from))
    return together === 'sum' ? values.reduce((a, b) => a + b, 0) : Math.max(...values)
  })
  const most = Math.max(...heights, 0)
  const slot = (WIDTH - LEFT) / count
  const scale = (value: number) => (most === 0 ? 0 : (value / most) * (HEIGHT - TOP - BOTTOM))
  return (
    <figure class="time-chart">
      <figcaption>
        {title}
        <span class="legend">
          {series.map(({ name }, index) => (
            <span key={name}>
              <svg width="10" height="10" aria-hidden="true">
                <rect class={`series-${index}`} width="10" height="10" rx="2" />
              </svg>
              {name}
            </span>
          ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${title}. ${summary}`}>
        {[0, 0.5, 1].map((part) => {
          const y = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
          return (
            <g key={part}>
              <line class="grid" x1={LEFT} x2={WIDTH} y1={y} y2={y} />
              {(part === 0 || most > 0) && (
                <text x={LEFT - 6} y={y + 4} text-anchor="end">
                  {part === 0 ? '0' : format(most * part)}
                </text>
              )}
            </g>
          )
        })}
        {buckets.map((from, at) => {
          let below = 0
          return series.map((each, index) => {
            const value = valueIn(each, from)
            if (value === 0) return null
            const height = Math.max(1.5, scale(value))
            const base = together === 'sum' ? below : 0
            below += height
            const thick = together === 'sum' ? slot - 3 : (slot - 3) / series.length
            const beside = together === 'sum' ? 0 : index * thick
            return (
              <rect
                key={each.name}
                class={`series-${index}`}
                x={LEFT + at * slot + 1.5 + beside}
                y={HEIGHT - BOTTOM - base - height}
                width={thick}
                height={height}
              >
                <title>{`${each.name}, ${exactly(new Date(from).toISOString())}: ${format(value)}`}</title>
              </rect>
            )
          })
        })}
        <text x={LEFT} y={HEIGHT - 5}>
          an hour ago
        </text>
        <text x={WIDTH} y={HEIGHT - 5} text-anchor="end">
          now
        </text>
      </svg>
      <p class="muted">{summary}</p>
    </figure>
  )
}
