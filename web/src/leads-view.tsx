/** The leads: filter, search and order above, the live table, and what went wrong, if anything. */
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useRef } from 'preact/hooks'
import type { Api, Status } from './api.ts'
import type { Board, BoardState } from './board.ts'
import { FirstVisit, NothingMatches } from './empty.tsx'
import { channelNames, plural } from './format.ts'
import { type SortOrder, scoreFilters, sortOrders } from './lead.ts'
import { LeadTable } from './lead-table.tsx'
import { addressOf, everything, type View } from './session.ts'
import { SimulationBar, type Simulator, useSimulator } from './simulation.tsx'

interface LeadsViewProps {
  client: Api
  status: Status | null
  board: Board
  state: BoardState
  view: View
  now: number
  onView(view: View): void
}

export function LeadsView({ client, status, board, state, view, now, onView }: LeadsViewProps) {
  const { rows } = state
  const latest = useRef(view)
  latest.current = view
  // Stable, so that a row is drawn again only when it has changed.
  const address = useCallback((lead: string) => addressOf({ ...latest.current, lead }), [])
  const open = useCallback((lead: string) => onView({ ...latest.current, lead }), [onView])
  const isFiltered = view.score !== 'all' || view.q !== '' || view.channel !== ''
  const isBlank = state.loaded && rows.length === 0 && !isFiltered
  const simulator = useSimulator(client, board.reload)
  return (
    <>
      <h2 class="hidden">Leads</h2>
      {/* With nobody to filter they would only be in the way of what to do next. */}
      <Filters view={view} onView={onView} hidden={isBlank}>
        {state.waiting > 0 && (
          <button type="button" class="fresh" onClick={board.showWaiting}>
            Show {plural(state.waiting, 'new lead')}
          </button>
        )}
        <button
          type="button"
          class="pause"
          aria-pressed={state.paused}
          onClick={() => board.pause(!state.paused)}
        >
          {state.paused ? 'Resume' : 'Pause'}
          {state.changed > 0 && ` (${state.changed} changed)`}
        </button>
        <span class="count muted">{state.loaded && countOf(state)}</span>
      </Filters>
      <SimulationBar {...{ simulator, status }} />
      <Trouble state={state} board={board} />
      {rows.length > 0 && (
        <TableArea board={board} calm={state.flooded}>
          <LeadTable
            {...{ rows, now }}
            loading={state.loading}
            addressOf={address}
            onOpen={open}
            onStale={board.refresh}
          />
        </TableArea>
      )}
      {!state.loaded && !state.error && <p class="muted pad">Loading leads…</p>}
      {state.loaded && rows.length === 0 && (
        <Nothing filtered={isFiltered} {...{ status, simulator, onView }} />
      )}
      {state.hasMore && rows.length > 0 && <LoadMore board={board} state={state} />}
    </>
  )
}

interface NothingProps {
  filtered: boolean
  status: Status | null
  simulator: Simulator
  onView(view: View): void
}

function Nothing({ filtered, ...rest }: NothingProps) {
  if (filtered) return <NothingMatches onShowAll={() => rest.onView(everything)} />
  return <FirstVisit {...rest} />
}

function countOf({ rows, hasMore }: BoardState): string {
  return hasMore ? `first ${plural(rows.length, 'lead')}` : plural(rows.length, 'lead')
}

interface FiltersProps {
  view: View
  hidden: boolean
  onView(view: View): void
  children: ComponentChildren
}

function Filters({ view, hidden, onView, children }: FiltersProps) {
  return (
    <search class="filters" hidden={hidden}>
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
      <select
        aria-label="Channel"
        value={view.channel}
        onChange={(event) => onView({ ...view, channel: event.currentTarget.value })}
      >
        <option value="">All channels</option>
        {Object.entries(channelNames).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <select
        aria-label="Order"
        value={view.sort}
        onChange={(event) => onView({ ...view, sort: event.currentTarget.value as SortOrder })}
      >
        {sortOrders.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
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

/** A mouse that lies still for longer points at nothing. */
const POINTING_MS = 8000

interface TableAreaProps {
  board: Board
  calm: boolean
  children: ComponentChildren
}

/** Rows keep their place while somebody points at them or stands in them. */
function TableArea({ board, calm, children }: TableAreaProps) {
  const why = useRef({ pointer: false, focus: false })
  const still = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const hold = (part: Partial<typeof why.current>) => {
    Object.assign(why.current, part)
    board.hold(why.current.pointer || why.current.focus)
  }
  const point = () => {
    clearTimeout(still.current)
    still.current = setTimeout(() => hold({ pointer: false }), POINTING_MS)
    if (!why.current.pointer) hold({ pointer: true })
  }
  useEffect(
    () => () => {
      clearTimeout(still.current)
      board.hold(false)
    },
    [board],
  )
  return (
    <div
      class={`table-area ${calm ? 'calm' : ''}`}
      onPointerMove={(event) => event.pointerType === 'mouse' && point()}
      onPointerLeave={() => hold({ pointer: false })}
      onFocusIn={() => hold({ focus: true })}
      onFocusOut={() => hold({ focus: false })}
    >
      {children}
    </div>
  )
}

/** Loads the next page by itself when the end comes near; the button is for keyboards. */
function LoadMore({ board, state }: { board: Board; state: BoardState }) {
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (!button.current) return
    const seen = new IntersectionObserver(([entry]) => entry?.isIntersecting && board.loadMore(), {
      rootMargin: '1500px',
    })
    seen.observe(button.current)
    return () => seen.disconnect()
    // Anew after each load: an observer reports only changes, the end may still be near, and what
    // it reported while something else was loading was let pass.
  }, [board, state.rows.length, state.loading])
  return (
    <button
      ref={button}
      type="button"
      class="more"
      disabled={state.loading}
      onClick={board.loadMore}
    >
      Show more
    </button>
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
