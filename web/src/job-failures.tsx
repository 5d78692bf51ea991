/** What failed for good, by error, and the leads it has parked; each group can be brought back. */
import { ago, exactly } from './format.ts'
import { type Failure, nameOfJob, type Parked } from './jobs.ts'
import { ActionsHead, ScrollTable } from './scroll-table.tsx'
import { addressOf, everything, type View } from './session.ts'

interface FailuresProps {
  failures: Failure[]
  now: number
  busy: boolean
  onRetry(failure: Failure): void
}

export function Failures({ failures, now, busy, onRetry }: FailuresProps) {
  if (failures.length === 0) return <p>None.</p>
  return (
    <ScrollTable label="Failed jobs by error">
      <thead>
        <tr>
          <th scope="col">Error</th>
          <th scope="col">Type</th>
          <th scope="col" class="num">
            Jobs
          </th>
          <th scope="col">Newest</th>
          <ActionsHead />
        </tr>
      </thead>
      <tbody>
        {failures.map((failure) => {
          const { type, error, count, newestAt } = failure
          const retry = `Retry ${count === 1 ? 'it' : `these ${count.toLocaleString('en')}`}`
          return (
            <tr key={`${type} ${error}`}>
              <th scope="row">{error}</th>
              <td>{nameOfJob(type)}</td>
              <td class="num">{count.toLocaleString('en')}</td>
              <td>
                <time dateTime={newestAt} title={exactly(newestAt)}>
                  {ago(newestAt, now)}
                </time>
              </td>
              <td>
                <button
                  type="button"
                  aria-label={`${retry}: ${nameOfJob(type)}: ${error}`}
                  disabled={busy}
                  onClick={() => onRetry(failure)}
                >
                  {retry}
                </button>
              </td>
            </tr>
          )
        })}
      </tbody>
    </ScrollTable>
  )
}

interface ParkedLeadsProps {
  leads: Parked[]
  now: number
  onView(view: View): void
}

export function ParkedLeads({ leads, now, onView }: ParkedLeadsProps) {
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
