/** Asks for the token when there is none, or when the one there is was refused. */
import { useEffect, useRef, useState } from 'preact/hooks'

export function TokenForm({
  refused,
  onToken,
}: {
  refused: boolean
  onToken(token: string): void
}) {
  const [token, setToken] = useState('')
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  return (
    <main class="entry">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (token.trim()) onToken(token.trim())
        }}
      >
        <h1>Open the dashboard</h1>
        {refused && (
          <p class="problem" role="alert">
            The token was refused. It may be mistyped or revoked.
          </p>
        )}
        <label for="token">API token</label>
        <input
          ref={field}
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-describedby="token-help"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Open
        </button>
        <p id="token-help" class="muted">
          The first start prints a link with the admin token; it is also kept in{' '}
          <code>data/admin-token</code>, unless <code>ADMIN_TOKEN</code> sets it. The token stays in
          this tab only.
        </p>
      </form>
    </main>
  )
}
