/** Single jobs, newest first: whose they are, how they stand, retry, and the way of their message. */
import { Fragment } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { ago, exactly } from './format.ts'
import { type Job, jobStates, nameOfJob } from './jobs.ts'
import { useAction, useLoaded } from './loading.ts'
import { ActionsHead, ScrollTable } from './scroll-table.tsx'
import { addressOf, everything, type View } from './session.ts'
import { Timeline } from './timeline.tsx'

interface JobListProps {
  client: Api
  now: number
  /** Raised when it is time to look again. */
  look: number
  onView(view: View): void
}

const SHOWN = 25

export function JobList({ client, now, look, onView }: JobListProps) {
  const [state, setState] = useState('')
  const [open, setOpen] = useState<string | null>(null)
  const jobs = useLoaded(() => {
    const query = new URLSearchParams({ limit: String(SHOWN), ...(state && { state }) })
    return client.get<Page<Job>>(`/api/v1/jobs?${query}`)
  }, [client, state])
  // A list that moves under an open timeline cannot be read.
  useEffect(() => {
    if (look > 0 && open === null) jobs.reload()
  }, [look])
  const action = useAction()
  const retry = (id: string) =>
    action.run(async () => {
      await client.send('POST', `/api/v1/jobs/${id}/retry`)
      jobs.reload()
    })
  const items = jobs.value?.items ?? []
  return (
    <>
      <p class="row">
        <select
          aria-label="State of the jobs"
          value={state}
          onChange={(event) => {
            setOpen(null)
            setState(event.currentTarget.value)
          }}
        >
          <option value="">All states</option>
          {jobStates.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <span class="muted">The newest {SHOWN}. Completed ones are kept for an hour.</span>
      </p>
      {(jobs.error ?? action.error) && (
        <p class="problem" role="alert">
          {jobs.error ?? action.error}
        </p>
      )}
      {jobs.value && items.length === 0 && <p>None.</p>}
      {items.length > 0 && (
        <ScrollTable label="Jobs, newest first">
          <thead>
            <tr>
              <th scope="col">Job</th>
              <th scope="col">State</th>
              <th scope="col">Made</th>
              <th scope="col">Attempts</th>
              <ActionsHead />
            </tr>
          </thead>
          <tbody>
            {items.map((job) => (
              <JobRow
                key={job.id}
                {...{ client, job, now, onView }}
                busy={action.busy}
                open={open === job.id}
                onToggle={() => setOpen(open === job.id ? null : job.id)}
                onRetry={() => retry(job.id)}
              />
            ))}
          </tbody>
        </ScrollTable>
      )}
    </>
  )
}

interface JobRowProps extends Pick<JobListProps, 'client' | 'now' | 'onView'> {
  job: Job
  busy: boolean
  open: boolean
  onToggle(): void
  onRetry(): void
}

function JobRow({ client, job, now, busy, open, onToggle, onRetry, onView }: JobRowProps) {
  const { type, state, leadId, messageId, attempts, error, createdAt } = job
  const view = { ...everything, lead: leadId }
  const canRetry = state === 'failed' || state === 'retrying'
  return (
    <Fragment>
      <tr>
        <th scope="row">{nameOfJob(type)}</th>
        <td>
          {state}
          {error && <span class="sub failed">{error}</span>}
        </td>
        <td>
          <time dateTime={createdAt} title={exactly(createdAt)}>
            {ago(createdAt, now)}
          </time>
        </td>
        <td class="num">{attempts}</td>
        <td>
          <div class="row">
            <a
              href={addressOf(view)}
              onClick={(event) => {
                event.preventDefault()
                onView(view)
              }}
            >
              Lead
            </a>
            {messageId && (
              <button type="button" aria-expanded={open} onClick={onToggle}>
                Timeline
              </button>
            )}
            {canRetry && (
              <button type="button" disabled={busy} onClick={onRetry}>
                Retry
              </button>
            )}
          </div>
        </td>
      </tr>
      {open && messageId && (
        <tr>
          <td colSpan={5}>
            <Timeline client={client} messageId={messageId} />
          </td>
        </tr>
      )}
    </Fragment>
  )
}
