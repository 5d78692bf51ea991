/** What stands where the table would be, and what to do next. */
export function Empty({ filtered, onShowAll }: { filtered: boolean; onShowAll(): void }) {
  if (filtered) {
    return (
      <section class="empty">
        <h2>No lead matches</h2>
        <p>No lead has this score and search. New ones appear here by themselves.</p>
        <button type="button" onClick={onShowAll}>
          Show all leads
        </button>
      </section>
    )
  }
  return (
    <section class="empty">
      <h2>No leads yet</h2>
      <p>The first message that arrives makes the first lead. To see it work:</p>
      <ol>
        <li>
          In a terminal, send made-up conversations through the real front door:
          <code class="block">npm run simulate</code>
        </li>
        <li>
          Or create a connection (<code>POST /api/v1/connections</code>, see <a href="/docs">API</a>
          ) and enter its webhook URL at your email, SMS or LinkedIn provider.
        </li>
      </ol>
      <p class="muted">Scores appear here within seconds; there is nothing to reload.</p>
    </section>
  )
}
