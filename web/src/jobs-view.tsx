/** For the engineer on call: what waits and for how long, what was done, what failed and why. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { plural } from './format.ts'
import { JobCharts } from './job-charts.tsx'
import { Failures, ParkedLeads } from './job-failures.tsx'
import { JobList } from './job-list.tsx'
import { duration, type Failure, jobStates, nameOfJob, type Parked, type Stats } from './jobs.ts'
import { useAction, useLoaded } from './loading.ts'
import { ScrollTable } from './scroll-table.tsx'
import type { View } from './session.ts'

interface JobsViewProps {
  client: Api
  now: number
  onView(view: View): void
}

/** Nobody looks more often, and each look counts the queue. */
const LOOK_MS = 5000
const BUCKET_MINUTES = 2

export function JobsView({ client, now, onView }: JobsViewProps) {
  const stats = useLoaded(
    () => client.get<Stats>(`/api/v1/jobs/stats?bucketMinutes=${BUCKET_MINUTES}`),
    [client],
  )
  const parked = useLoaded(() => client.get<Page<Parked>>('/api/v1/jobs/parked?limit=50'), [client])
  const [looks, setLooks] = useState(0)
  const [said, setSaid] = useState<string | null>(null)
  const action = useAction()
  const reload = () => {
    stats.reload()
    parked.reload()
    setLooks((count) => count + 1)
  }
  useEffect(() => {
    // Nobody looks at a tab in the background.
    const timer = setInterval(() => document.hidden || reload(), LOOK_MS)
    return () => clearInterval(timer)
  }, [client])
  const retry = ({ type, error }: Failure) =>
    action.run(async () => {
      setSaid(null)
      const body = { type, error }
      const done = await client.send<{ jobs: number }>('POST', '/api/v1/jobs/redrive', body)
      setSaid(`${plural(done.jobs, 'job')} due again.`)
      reload()
    })
  const error = stats.error ?? parked.error ?? action.error
  return (
    <div class="settings">
      <h2>Jobs</h2>
      {error && (
        <p class="problem" role="alert">
          {stats.value && !action.error && 'What stands here is old. '}
          {error}{' '}
          <button type="button" onClick={reload}>
            Try again
          </button>
        </p>
      )}
      {stats.value && (
        <>
          <Part title="Queues">
            <Counts counts={stats.value.counts} />
          </Part>
          <Part title="The last hour">
            <JobCharts stats={stats.value} now={now} />
          </Part>
          <Part title="Failures">
            <p role="status">{said}</p>
            <Failures
              {...{ failures: stats.value.failures, now }}
              busy={action.busy}
              onRetry={retry}
            />
          </Part>
        </>
      )}
      {parked.value && (
        <Part title="Parked leads">
          <ParkedLeads {...{ leads: parked.value.items, now, onView }} />
        </Part>
      )}
      <Part title="Single jobs">
        <JobList {...{ client, now, onView }} look={looks} />
      </Part>
    </div>
  )
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  const id = title.replaceAll(' ', '-').toLowerCase()
  return (
    <section aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      {children}
    </section>
  )
}

function Counts({ counts }: { counts: Stats['counts'] }) {
  const types = [...new Set(counts.map(({ type }) => type))].sort()
  if (types.length === 0) return <p class="muted">No job yet.</p>
  const of = (type: string, state: string) =>
    counts.find((each) => each.type === type && each.state === state)
  const oldest = (type: string) =>
    Math.max(
      ...['waiting', 'retrying', 'active'].map((state) => of(type, state)?.oldestAgeMs ?? -1),
    )
  return (
    <ScrollTable label="Jobs by type and state">
      <thead>
        <tr>
          <th scope="col">Type</th>
          {jobStates.map((state) => (
            <th key={state} scope="col" class="num">
              {state}
            </th>
          ))}
          <th scope="col" class="num">
            oldest unfinished
          </th>
        </tr>
      </thead>
      <tbody>
        {types.map((type) => (
          <tr key={type}>
            <th scope="row">{nameOfJob(type)}</th>
            {jobStates.map((state) => {
              const count = of(type, state)?.count ?? 0
              return (
                <td key={state} class={`num ${state === 'failed' && count > 0 ? 'failed' : ''}`}>
                  {count.toLocaleString('en')}
                </td>
              )
            })}
            <td class="num">{oldest(type) < 0 ? '-' : duration(oldest(type))}</td>
          </tr>
        ))}
      </tbody>
    </ScrollTable>
  )
}
