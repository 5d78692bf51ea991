/** For the engineer on call: what waits and for how long, what was done, what failed and why. */
import { useEffect } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { ago, exactly, plural } from './format.ts'
import { useAction, useLoaded } from './loading.ts'
import { addressOf, everything, type View } from './session.ts'

interface Stats {
  counts: { type: string; state: string; count: number; oldestAgeMs: number }[]
  throughput: { type: string; from: string; completed: number }[]
  bucketMinutes: number
  failures: { type: string; error: string; count: number; newestAt: string }[]
}

interface Parked {
  leadId: string
  leadName: string | null
  error: string | null
  parkedAt: string
}

interface JobsViewProps {
  client: Api
  now: number
  onView(view: View): void
}

const STATES = ['waiting', 'retrying', 'active', 'completed', 'failed'] as const
/** Nobody looks more often, and each look counts the queue. */
const LOOK_MS = 5000

export function JobsView({ client, now, onView }: JobsViewProps) {
  const stats = useLoaded(() => client.get<Stats>('/api/v1/jobs/stats'), [client])
  const parked = useLoaded(() => client.get<Page<Parked>>('/api/v1/jobs/parked?limit=50'), [client])
  const action = useAction()
  const reload = () => {
    stats.reload()
    parked.reload()
  }
  useEffect(() => {
    const timer = setInterval(reload, LOOK_MS)
    return () => clearInterval(timer)
  }, [client])
  const redrive = (type?: string) =>
    action.run(async () => {
      await client.send('POST', '/api/v1/jobs/redrive', type ? { type } : {})
      reload()
    })
  const error = stats.error ?? parked.error ?? action.error
  return (
    <div class="settings">
      <h2>Jobs</h2>
      {error && (
        <p class="problem" role="alert">
          {error}
        </p>
      )}
      {stats.value && (
        <>
          <section aria-labelledby="queues">
            <h3 id="queues">Queues</h3>
            <Counts counts={stats.value.counts} />
          </section>
          <section aria-labelledby="throughput">
            <h3 id="throughput">Completed in the last hour</h3>
            <Throughput stats={stats.value} />
          </section>
          <section aria-labelledby="failures">
            <h3 id="failures">Failures</h3>
            <Failures {...{ failures: stats.value.failures, now, redrive, busy: action.busy }} />
          </section>
        </>
      )}
      {parked.value && (
        <section aria-labelledby="parked">
          <h3 id="parked">Parked leads</h3>
          <ParkedLeads {...{ leads: parked.value.items, now, onView }} />
        </section>
      )}
    </div>
  )
}

/** `EMAIL_INBOUND_POST_PROCESS` as people say it. */
function nameOf(type: string): string {
  if (type.startsWith('LEAD_SCORING')) return 'Scoring'
  return `Post-process ${type.split('_')[0]?.toLowerCase()}`
}

function Counts({ counts }: { counts: Stats['counts'] }) {
  const types = [...new Set(counts.map(({ type }) => type))].sort()
  if (types.length === 0) return <p class="muted">No job yet.</p>
  const of = (type: string, state: string) =>
    counts.find((each) => each.type === type && each.state === state)
  return (
    <table class="plain">
      <caption class="hidden">Jobs by type and state</caption>
      <thead>
        <tr>
          <th scope="col">Type</th>
          {STATES.map((state) => (
            <th key={state} scope="col">
              {state}
            </th>
          ))}
          <th scope="col">oldest waiting</th>
        </tr>
      </thead>
      <tbody>
        {types.map((type) => (
          <tr key={type}>
            <th scope="row">{nameOf(type)}</th>
            {STATES.map((state) => (
              <td key={state}>{(of(type, state)?.count ?? 0).toLocaleString('en')}</td>
            ))}
            <td>{ageOf(of(type, 'waiting')?.oldestAgeMs)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function ageOf(ms: number | undefined): string {
  if (ms === undefined) return '-'
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`
}

const BAR = 12
const CHART_HEIGHT = 80

function Throughput({ stats: { throughput, bucketMinutes } }: { stats: Stats }) {
  const byTime = new Map<string, number>()
  for (const { from, completed } of throughput) {
    byTime.set(from, (byTime.get(from) ?? 0) + completed)
  }
  const most = Math.max(0, ...byTime.values())
  if (most === 0) return <p class="muted">Nothing yet.</p>
  const sum = [...byTime.values()].reduce((total, each) => total + each, 0)
  const slots = Math.ceil(60 / bucketMinutes)
  const newest = Math.max(...[...byTime.keys()].map((from) => Date.parse(from)))
  const slotOf = (from: string) =>
    slots - 1 - Math.round((newest - Date.parse(from)) / (bucketMinutes * 60_000))
  const words = `${plural(sum, 'job')}, at most ${most} in ${plural(bucketMinutes, 'minute')}`
  return (
    <>
      <svg
        class="bars-chart"
        viewBox={`0 0 ${slots * BAR} ${CHART_HEIGHT}`}
        width={slots * BAR}
        height={CHART_HEIGHT}
        role="img"
        aria-label={words}
      >
        {[...byTime].map(([from, completed]) => {
          const height = Math.max(1, (completed / most) * (CHART_HEIGHT - 4))
          return (
            <rect
              key={from}
              x={slotOf(from) * BAR + 1}
              y={CHART_HEIGHT - height}
              width={BAR - 2}
              height={height}
            >
              <title>{`${exactly(from)}: ${plural(completed, 'job')}`}</title>
            </rect>
          )
        })}
      </svg>
      <p class="muted">{words}</p>
    </>
  )
}

interface FailuresProps {
  failures: Stats['failures']
  now: number
  busy: boolean
  redrive(type: string): void
}

function Failures({ failures, now, busy, redrive }: FailuresProps) {
  if (failures.length === 0) return <p>None.</p>
  return (
    <table class="plain">
      <caption class="hidden">Failed jobs by error</caption>
      <thead>
        <tr>
          <th scope="col">Error</th>
          <th scope="col">Type</th>
          <th scope="col">Jobs</th>
          <th scope="col">Newest</th>
          <th scope="col">
            <span class="hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {failures.map(({ type, error, count, newestAt }) => (
          <tr key={`${type} ${error}`}>
            <th scope="row">{error}</th>
            <td>{nameOf(type)}</td>
            <td>{count.toLocaleString('en')}</td>
            <td>{ago(newestAt, now)}</td>
            <td>
              <button
                type="button"
                aria-label={`Retry all failed: ${nameOf(type)}`}
                disabled={busy}
                onClick={() => redrive(type)}
              >
                Retry all
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface ParkedLeadsProps {
  leads: Parked[]
  now: number
  onView(view: View): void
}

function ParkedLeads({ leads, now, onView }: ParkedLeadsProps) {
  if (leads.length === 0) return <p>None. Every lead is scored or on its way.</p>
  return (
    <ul class="parked">
      {leads.map(({ leadId, leadName, error, parkedAt }) => {
        const view = { ...everything, lead: leadId }
        return (
          <li key={leadId}>
            <a
              href={addressOf(view)}
              onClick={(event) => {
                event.preventDefault()
                onView(view)
              }}
            >
              {leadName ?? 'Unknown'}
            </a>{' '}
            <span class="muted">
              {error}, {ago(parkedAt, now)}
            </span>
          </li>
        )
      })}
    </ul>
  )
}
