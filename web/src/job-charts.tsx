/** How the last hour went: what was done, and how old the oldest unfinished job was. */
import { plural } from './format.ts'
import { duration, isScoring, type Stats } from './jobs.ts'
import { type Series, TimeChart } from './time-chart.tsx'

export function JobCharts({ stats, now }: { stats: Stats; now: number }) {
  const { throughput, ages, bucketMinutes } = stats
  const done = seriesOf(
    throughput.map(({ completed, ...each }) => ({ ...each, value: completed })),
    (a, b) => a + b,
  )
  const oldest = seriesOf(
    ages.map(({ oldestMs, ...each }) => ({ ...each, value: oldestMs })),
    Math.max,
  )
  const sum = throughput.reduce((total, { completed }) => total + completed, 0)
  const worst = Math.max(0, ...ages.map(({ oldestMs }) => oldestMs))
  return (
    <div class="charts">
      <TimeChart
        title={`Jobs completed per ${plural(bucketMinutes, 'minute')}`}
        series={done}
        {...{ bucketMinutes, now }}
        together="sum"
        format={(value) => Math.round(value).toLocaleString('en')}
        summary={`${plural(sum, 'job')} in the last hour.`}
      />
      <TimeChart
        title="Age of the oldest unfinished job"
        series={oldest}
        {...{ bucketMinutes, now }}
        together="side"
        format={duration}
        summary={worst === 0 ? 'Nothing waited.' : `${duration(worst)} at most in the last hour.`}
      />
    </div>
  )
}

interface Value {
  type: string
  from: string
  value: number
}

/** Scoring and post-processing: by channel would be six thin lines that say the same. */
function seriesOf(values: Value[], merge: (a: number, b: number) => number): Series[] {
  const scoring = new Map<number, number>()
  const postProcess = new Map<number, number>()
  for (const { type, from, value } of values) {
    const series = isScoring(type) ? scoring : postProcess
    const at = Date.parse(from)
    series.set(at, merge(series.get(at) ?? 0, value))
  }
  return [
    { name: 'Scoring', values: scoring },
    { name: 'Post-process', values: postProcess },
  ]
}
