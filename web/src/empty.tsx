/** What stands where the table would be, and what to do next. */
import type { Status } from './api.ts'
import { everything, type View } from './session.ts'
import { SimulationStart, type Simulator } from './simulation.tsx'

export function NothingMatches({ onShowAll }: { onShowAll(): void }) {
  return (
    <section class="empty">
      <h3>No lead matches</h3>
      <p>No lead has this score, channel and search. New ones appear here by themselves.</p>
      <button type="button" onClick={onShowAll}>
        Show all leads
      </button>
    </section>
  )
}

interface FirstVisitProps {
  status: Status | null
  simulator: Simulator
  onView(view: View): void
}

export function FirstVisit({ status, simulator, onView }: FirstVisitProps) {
  const settings = () => onView({ ...everything, page: 'settings' })
  return (
    <section class="empty">
      <h3>No leads yet</h3>
      <p>
        The first message that arrives makes the first lead, and its score stands here within
        seconds; there is nothing to reload.
      </p>
      <h4>See it work first</h4>
      <SimulationStart simulator={simulator} status={status} />
      <h4>Then with your own leads</h4>
      <ol>
        <li>
          Say what you sell and to whom, because fit is judged against that:{' '}
          <button type="button" onClick={settings}>
            Open settings
          </button>
        </li>
        <li>
          There, too, make a connection and paste its webhook URL at your email, SMS or LinkedIn
          provider. “Send test webhook” shows whether it works.
        </li>
      </ol>
      <h4>Who scores</h4>
      <p>
        {status === null && 'Not known yet.'}
        {status?.rulesOnly && (
          <>
            The built-in rules (<code>{status.scorer}</code>): no model, no cost. Set{' '}
            <code>OPENAI_API_KEY</code> and restart to have a model score.
          </>
        )}
        {status?.model && (
          <>
            The model <code>{status.model.inUse}</code>. What it costs is under AI; a monthly budget
            can be set in the settings.
          </>
        )}
      </p>
    </section>
  )
}
