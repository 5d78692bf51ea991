/** What stands where the table would be, and what to do next. */
import { everything, type View } from './session.ts'

interface EmptyProps {
  filtered: boolean
  onShowAll(): void
  onView(view: View): void
}

export function Empty({ filtered, onShowAll, onView }: EmptyProps) {
  if (filtered) {
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
  return (
    <section class="empty">
      <h3>No leads yet</h3>
      <p>The first message that arrives makes the first lead. Three things to do:</p>
      <ol>
        <li>
          Say what you sell and to whom, because fit is judged against that:{' '}
          <button type="button" onClick={() => onView({ ...everything, page: 'settings' })}>
            Open settings
          </button>
        </li>
        <li>
          There, too, connect a provider and paste its webhook URL at your email, SMS or LinkedIn
          provider.
        </li>
        <li>
          Or see it work first: in a terminal, send made-up conversations through the real front
          door:
          <code class="block">npm run simulate</code>
        </li>
      </ol>
      <p class="muted">Scores appear here within seconds; there is nothing to reload.</p>
    </section>
  )
}
