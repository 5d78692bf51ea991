/** API tokens of the workspace: make one, which is shown once, or revoke one. */
import { useState } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import { exactly } from './format.ts'
import { useAction, useLoaded } from './loading.ts'
import { ActionsHead, ScrollTable } from './scroll-table.tsx'

interface Token {
  id: string
  name: string
  role: string
  createdAt: string
}

const roles = [
  { value: 'viewer', label: 'viewer: reads' },
  { value: 'member', label: 'member: reads and changes' },
  { value: 'admin', label: 'admin: also tokens' },
]

export function TokensPanel({ client }: { client: Api }) {
  const list = useLoaded(() => client.get<Page<Token>>('/api/v1/tokens?limit=200'), [client])
  const action = useAction()
  const [made, setMade] = useState<string | null>(null)
  const [name, setName] = useState('')
  const [role, setRole] = useState('viewer')
  const make = () =>
    action.run(async () => {
      const { token } = await client.send<{ token: string }>('POST', '/api/v1/tokens', {
        name: name.trim(),
        role,
      })
      setMade(token)
      setName('')
      list.reload()
    })
  const revoke = (token: Token) => {
    if (!confirm(`Revoke "${token.name}"? Whoever uses it is out at once.`)) return
    action.run(async () => {
      await client.send('DELETE', `/api/v1/tokens/${token.id}`)
      list.reload()
    })
  }
  return (
    <section aria-labelledby="tokens">
      <h3 id="tokens">API tokens</h3>
      {(list.error ?? action.error) && (
        <p class="problem" role="alert">
          {list.error ?? action.error}
        </p>
      )}
      {made && (
        <div class="notice" role="status">
          <p>The new token, shown this once:</p>
          <code class="block">{made}</code>
        </div>
      )}
      {list.value && list.value.items.length > 0 && (
        <ScrollTable label="API tokens">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Role</th>
              <th scope="col">Made</th>
              <ActionsHead />
            </tr>
          </thead>
          <tbody>
            {list.value.items.map((token) => (
              <tr key={token.id}>
                <th scope="row">{token.name}</th>
                <td>{token.role}</td>
                <td>{exactly(token.createdAt)}</td>
                <td>
                  <button
                    type="button"
                    class="quiet"
                    aria-label={`Revoke ${token.name}`}
                    disabled={action.busy}
                    onClick={() => revoke(token)}
                  >
                    Revoke
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </ScrollTable>
      )}
      <form
        class="row inline"
        onSubmit={(event) => {
          event.preventDefault()
          make()
        }}
      >
        <input
          type="text"
          aria-label="Name of the new token"
          placeholder="Name"
          required
          maxLength={200}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <select
          aria-label="Role of the new token"
          value={role}
          onChange={(event) => setRole(event.currentTarget.value)}
        >
          {roles.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <button type="submit" disabled={action.busy}>
          Make token
        </button>
      </form>
    </section>
  )
}
