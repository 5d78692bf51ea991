/** Starts the dashboard: with a token the live table, without one the form that asks for it. */
import { render } from 'preact'
import { useState } from 'preact/hooks'
import { Dashboard } from './dashboard.tsx'
import { keepToken, openingToken } from './session.ts'
import { TokenForm } from './token-form.tsx'
import './theme.css'
import './page.css'
import './table.css'
import './lead.css'
import './settings.css'
import './narrow.css'

function App() {
  const [token, setToken] = useState(openingToken)
  const [refused, setRefused] = useState(false)
  const leave = (wasRefused: boolean) => {
    keepToken(null)
    setToken(null)
    setRefused(wasRefused)
  }
  if (!token) {
    return (
      <TokenForm
        refused={refused}
        onToken={(next) => {
          keepToken(next)
          setToken(next)
        }}
      />
    )
  }
  return <Dashboard token={token} onRefused={() => leave(true)} onSignOut={() => leave(false)} />
}

const root = document.getElementById('app')
if (root) render(<App />, root)
