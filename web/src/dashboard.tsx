/** The frame of every page: where one is, whether the feed is live, and what proves it complete. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { AiView } from './ai-view.tsx'
import { type Api, api, type Status } from './api.ts'
import { type Board, type BoardState, openBoard } from './board.ts'
import { Connection } from './connection.tsx'
import { plural } from './format.ts'
import { JobsView } from './jobs-view.tsx'
import { LeadView } from './lead-view.tsx'
import { LeadsView } from './leads-view.tsx'
import { addressOf, everything, type PageName, readView, type View, writeView } from './session.ts'
import { SettingsView } from './settings-view.tsx'

const SEARCH_DELAY_MS = 250
const CLOCK_MS = 15_000

export interface DashboardProps {
  token: string
  onRefused(): void
  onSignOut(): void
}

export function Dashboard({ token, onRefused, onSignOut }: DashboardProps) {
  const client = useMemo(() => api(token), [token])
  const [view, setView] = useView()
  const [board, state] = useBoard(client, token, view, onRefused)
  const status = useStatus(client)
  const online = useOnline(() => board?.reconnect())
  const now = useClock()
  if (!board || !state) return null
  return (
    <>
      <header>
        <h1>
          <Mark /> Leadpulse
        </h1>
        <Navigation view={view} onView={setView} />
        <Connection state={state} online={online} />
        <button type="button" class="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <main>
        {status?.rulesOnly && view.page === 'leads' && state.rows.length > 0 && (
          <p class="notice">
            Scores come from the built-in rules (<code>{status.scorer}</code>). Set{' '}
            <code>OPENAI_API_KEY</code> and restart to have a model score.
          </p>
        )}
        <Content {...{ client, board, state, view, now, status }} onView={setView} />
      </main>
      <Footer state={state} status={status} />
    </>
  )
}

interface ContentProps {
  client: Api
  board: Board
  state: BoardState
  view: View
  now: number
  status: Status | null
  onView(view: View): void
}

function Content(props: ContentProps) {
  const { client, board, view, now, status, onView } = props
  if (view.page === 'jobs') return <JobsView {...{ client, now, onView }} />
  if (view.page === 'ai') return <AiView client={client} status={status} />
  if (view.page === 'settings') return <SettingsView {...{ client, status, onView }} />
  if (view.lead) {
    const back = () => onView({ ...view, lead: null })
    return <LeadView key={view.lead} {...{ client, board, now }} leadId={view.lead} onBack={back} />
  }
  return <LeadsView {...props} />
}

const places: { page: PageName; label: string }[] = [
  { page: 'leads', label: 'Leads' },
  { page: 'jobs', label: 'Jobs' },
  { page: 'ai', label: 'AI' },
  { page: 'settings', label: 'Settings' },
]

function Navigation({ view, onView }: { view: View; onView(view: View): void }) {
  return (
    <nav aria-label="Pages">
      {places.map(({ page, label }) => {
        const target = { ...(page === 'leads' ? view : everything), page, lead: null }
        return (
          <a
            key={page}
            href={addressOf(target)}
            aria-current={view.page === page ? 'page' : undefined}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return
              event.preventDefault()
              onView(target)
            }}
          >
            {label}
          </a>
        )
      })}
    </nav>
  )
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M5 17h5l3-8 5 14 3-6h6" />
    </svg>
  )
}

function Footer({ state, status }: { state: BoardState; status: Status | null }) {
  const { seq, gaps, repeats } = state
  return (
    <footer class="muted">
      <span>
        Feed {seq === null ? 'waiting for the first score' : `proven complete up to no. ${seq}`}:{' '}
        {plural(gaps, 'gap')}, {plural(repeats, 'repeat')}
      </span>
      {status && (
        <span>
          Scored by {status.scorer} · version {status.version}
        </span>
      )}
      <a href="/docs">API</a>
    </footer>
  )
}

/** The view is what the address bar says; Back and Forward change it, too. */
function useView(): [View, (view: View) => void] {
  const [view, setView] = useState(readView)
  useEffect(() => {
    const back = () => setView(readView())
    addEventListener('popstate', back)
    return () => removeEventListener('popstate', back)
  }, [])
  const change = useMemo(
    () => (next: View) => {
      const isStep = next.page !== readView().page || next.lead !== readView().lead
      writeView(next)
      setView(next)
      if (isStep) scrollTo(0, 0)
    },
    [],
  )
  return [view, change]
}

function useBoard(client: Api, token: string, view: View, onRefused: () => void) {
  const [board, setBoard] = useState<Board | null>(null)
  const [state, setState] = useState<BoardState | null>(null)
  useEffect(() => {
    const opened = openBoard({
      api: client,
      token,
      baseUrl: location.origin,
      onChange: setState,
      onRefused,
    })
    setBoard(opened)
    return opened.close
  }, [client])
  const { score, q, channel, sort } = view
  const shown = useRef({ q })
  useEffect(() => {
    const delayMs = shown.current.q === q ? 0 : SEARCH_DELAY_MS
    const timer = setTimeout(() => {
      shown.current = { q }
      board?.show(view)
    }, delayMs)
    return () => clearTimeout(timer)
  }, [board, score, q, channel, sort])
  return [board, state] as const
}

function useStatus(client: Api): Status | null {
  const [status, setStatus] = useState<Status | null>(null)
  useEffect(() => {
    // Without it the page only says less.
    client.status().then(setStatus, () => {})
  }, [client])
  return status
}

function useOnline(onOnline: () => void): boolean {
  const [online, setOnline] = useState(navigator.onLine)
  const latest = useRef(onOnline)
  latest.current = onOnline
  useEffect(() => {
    const update = () => {
      setOnline(navigator.onLine)
      if (navigator.onLine) latest.current()
    }
    addEventListener('online', update)
    addEventListener('offline', update)
    return () => {
      removeEventListener('online', update)
      removeEventListener('offline', update)
    }
  }, [])
  return online
}

function useClock(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), CLOCK_MS)
    return () => clearInterval(timer)
  }, [])
  return now
}
