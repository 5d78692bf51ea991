/** The page: filter and search above, the live table, and what proves that nothing is missing. */
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type Api, api, type Status } from './api.ts'
import { type Board, type BoardState, openBoard } from './board.ts'
import { Connection } from './connection.tsx'
import { Empty } from './empty.tsx'
import { plural } from './format.ts'
import { scoreFilters } from './lead.ts'
import { LeadTable } from './lead-table.tsx'
import { readView, type View, writeView } from './session.ts'

const SEARCH_DELAY_MS = 250
const CLOCK_MS = 15_000

export interface DashboardProps {
  token: string
  onRefused(): void
  onSignOut(): void
}

export function Dashboard({ token, onRefused, onSignOut }: DashboardProps) {
  const client = useMemo(() => api(token), [token])
  const [view, setView] = useState(readView)
  const [board, state] = useBoard(client, token, view, onRefused)
  const status = useStatus(client)
  const online = useOnline(() => board?.reconnect())
  const now = useClock()
  if (!board || !state) return null
  const { rows } = state
  return (
    <>
      <header>
        <h1>
          <Mark /> Leadpulse
        </h1>
        <Connection state={state} online={online} />
        <button
          type="button"
          aria-pressed={state.paused}
          onClick={() => board.pause(!state.paused)}
        >
          {state.paused ? 'Resume' : 'Pause'}
        </button>
        <button type="button" class="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <main>
        {status?.rulesOnly && (
          <p class="notice">
            Scores come from the built-in rules (<code>{status.scorer}</code>). Set{' '}
            <code>OPENAI_API_KEY</code> and restart to have a model score.
          </p>
        )}
        <Filters view={view} onView={setView}>
          {state.waiting > 0 && (
            <button type="button" class="fresh" onClick={board.showWaiting}>
              Show {plural(state.waiting, 'new lead')}
            </button>
          )}
          <span class="count muted">{state.loaded && countOf(state)}</span>
        </Filters>
        <Trouble state={state} board={board} />
        {rows.length > 0 && (
          <TableArea board={board}>
            <LeadTable rows={rows} now={now} />
          </TableArea>
        )}
        {!state.loaded && !state.error && <p class="muted pad">Loading leads…</p>}
        {state.loaded && rows.length === 0 && (
          <Empty filtered={view.score !== 'all' || view.q !== ''} onShowAll={() => setView(ALL)} />
        )}
        {state.hasMore && rows.length > 0 && (
          <button type="button" class="more" disabled={state.loading} onClick={board.loadMore}>
            Show more
          </button>
        )}
      </main>
      <Footer state={state} status={status} />
    </>
  )
}

const ALL: View = { score: 'all', q: '' }

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M5 17h5l3-8 5 14 3-6h6" />
    </svg>
  )
}

interface FiltersProps {
  view: View
  onView(view: View): void
  children: ComponentChildren
}

function countOf({ rows, hasMore }: BoardState): string {
  return hasMore ? `first ${plural(rows.length, 'lead')}` : plural(rows.length, 'lead')
}

function Filters({ view, onView, children }: FiltersProps) {
  return (
    <search class="filters">
      <fieldset>
        <legend class="hidden">Overall score</legend>
        {scoreFilters.map(({ value, label }) => (
          <label key={value}>
            <input
              type="radio"
              name="score"
              value={value}
              checked={view.score === value}
              onChange={() => onView({ ...view, score: value })}
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <input
        type="search"
        aria-label="Search name, company, email or phone"
        placeholder="Search"
        value={view.q}
        onInput={(event) => onView({ ...view, q: event.currentTarget.value })}
      />
      {children}
    </search>
  )
}

/** Rows keep their place while somebody points at them or stands in them. */
function TableArea({ board, children }: { board: Board; children: ComponentChildren }) {
  const why = useRef({ pointer: false, focus: false })
  const hold = (part: Partial<typeof why.current>) => {
    Object.assign(why.current, part)
    board.hold(why.current.pointer || why.current.focus)
  }
  return (
    <div
      class="table-area"
      onPointerEnter={(event) => hold({ pointer: event.pointerType === 'mouse' })}
      onPointerLeave={() => hold({ pointer: false })}
      onFocusIn={() => hold({ focus: true })}
      onFocusOut={() => hold({ focus: false })}
    >
      {children}
    </div>
  )
}

function Trouble({ state, board }: { state: BoardState; board: Board }) {
  return (
    <div>
      {state.error && (
        <p class="problem" role="alert">
          The leads could not be loaded. {state.error}{' '}
          <button type="button" onClick={board.reload}>
            Try again
          </button>
        </p>
      )}
      {state.outdated && !state.error && (
        <p class="notice">
          Much has changed at once.{' '}
          <button type="button" onClick={board.reload}>
            Load the newest
          </button>
        </p>
      )}
    </div>
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
  const { score, q } = view
  const shown = useRef({ q })
  useEffect(() => {
    writeView({ score, q })
    const delayMs = shown.current.q === q ? 0 : SEARCH_DELAY_MS
    const timer = setTimeout(() => {
      shown.current = { q }
      board?.show({ score, q })
    }, delayMs)
    return () => clearTimeout(timer)
  }, [board, score, q])
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
