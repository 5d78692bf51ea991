/**
 * What the table shows: pages of the API, kept up to date by the feed. Rows never move under a
 * person's pointer or focus: while `held`, new leads wait and are counted. Knows no framework.
 */
import { feedClient } from '../feed-client.ts'
import type { FeedState, ScoreEvent } from '../feed-frames.ts'
import { type Api, ApiError } from './api.ts'
import { asRow, comparing, passes, type Row, withDetails, withEvent } from './lead.ts'
import { everything, type View } from './session.ts'

export interface BoardState {
  rows: Row[]
  /** False until the first page is there. */
  loaded: boolean
  loading: boolean
  error: string | null
  hasMore: boolean
  /** New leads that wait for the table to be free. */
  waiting: number
  /** More changed than single rows can be fetched for: only a reload shows it all. */
  outdated: boolean
  /** So much changes at once that single changes are not to be stressed. */
  flooded: boolean
  paused: boolean
  /** Leads that changed while paused. */
  changed: number
  feed: FeedState
  seq: number | null
  gaps: number
  repeats: number
}

export interface Board {
  state(): BoardState
  show(view: View): void
  loadMore(): void
  reload(): void
  /** The pointer or the focus is in the table. */
  hold(held: boolean): void
  pause(paused: boolean): void
  showWaiting(): void
  /** These rows are seen, and what only the API tells of them may be old. */
  refresh(ids: string[]): void
  reconnect(): void
  /** Hears of each new score of one lead; answers the function that ends it. */
  watch(leadId: string, onScore: (event: ScoreEvent) => void): () => void
  close(): void
}

export interface BoardOptions {
  api: Api
  token: string
  baseUrl: string
  onChange(state: BoardState): void
  onRefused(): void
}

/** Changes are shown together this often; faster nobody reads. */
const FLUSH_MS = 150
/** When so many come that whole screens are replaced, a person can read one a second. */
const FLOOD_LEADS = 40
const FLOOD_FLUSH_MS = 1000
/** Leads fetched in one request; when more unknown ones come at once, a reload is cheaper. */
const FETCH_MAX = 100
/** What is fetched of rows that changed is asked for together, this often. */
const REFRESH_MS = 500
const EVENTS_KEPT_MAX = 5000
/** Rows are drawn only where they can be seen, so this bounds memory, some 1 KB a row. */
const ROWS_MAX = 20_000

export function openBoard(options: BoardOptions): Board {
  const { api } = options
  let view: View = everything
  let nextCursor: string | null = null
  let loading: AbortController | undefined
  let flushTimer: ReturnType<typeof setTimeout> | undefined
  let held = false
  let wasLive = false
  /** Newest event per lead, not yet shown. */
  let events = new Map<string, ScoreEvent>()
  let waiting = new Map<string, Row>()
  let stale = new Set<string>()
  let refreshTimer: ReturnType<typeof setTimeout> | undefined
  const watchers = new Set<{ leadId: string; onScore(event: ScoreEvent): void }>()
  let state: BoardState = {
    rows: [],
    loaded: false,
    loading: false,
    error: null,
    hasMore: false,
    waiting: 0,
    outdated: false,
    flooded: false,
    paused: false,
    changed: 0,
    feed: { kind: 'connecting' },
    seq: null,
    gaps: 0,
    repeats: 0,
  }

  function change(part: Partial<BoardState>): void {
    state = { ...state, ...part }
    options.onChange(state)
  }

  const feed = feedClient({
    baseUrl: options.baseUrl,
    token: () => options.token,
    onScores(batch) {
      for (const event of batch.events) {
        events.set(event.leadId, event)
        for (const each of watchers) if (each.leadId === event.leadId) each.onScore(event)
      }
      if (events.size > EVENTS_KEPT_MAX) {
        events = new Map()
        change({ outdated: true })
      }
      flushSoon()
    },
    onReset: () => void load(null),
    onState(feedState) {
      change({ feed: feedState })
      if (feedState.kind === 'refused' && feedState.why === 'unauthorized') options.onRefused()
      // What was scored between the first page and the subscription is in neither.
      if (feedState.kind === 'live' && !wasLive) {
        wasLive = true
        void load(null)
      }
    },
    onViolation({ kind }) {
      change(kind === 'gap' ? { gaps: state.gaps + 1 } : { repeats: state.repeats + 1 })
    },
  })

  async function load(cursor: string | null): Promise<void> {
    loading?.abort()
    const mine = new AbortController()
    loading = mine
    change({ loading: true })
    try {
      const page = await api.leads({ ...view, cursor, signal: mine.signal })
      if (mine.signal.aborted) return
      nextCursor = page.nextCursor
      const known = cursor ? state.rows : []
      const ids = new Set(known.map(({ id }) => id))
      const rows = [...known, ...page.items.filter(({ id }) => !ids.has(id)).map(asRow)]
      if (!cursor) waiting = new Map()
      const outdated = cursor ? state.outdated : false
      change({ rows, loaded: true, loading: false, error: null, hasMore: hasMore(), outdated })
      change({ waiting: waiting.size })
      flushSoon()
    } catch (error) {
      if (mine.signal.aborted) return
      if (error instanceof ApiError && error.status === 401) options.onRefused()
      change({ loading: false, error: error instanceof Error ? error.message : String(error) })
    }
  }

  const hasMore = () => nextCursor !== null && state.rows.length < ROWS_MAX

  function flushSoon(): void {
    flushTimer ??= setTimeout(
      () => {
        flushTimer = undefined
        if (state.paused) change({ changed: events.size })
        else if (state.loaded) flush()
      },
      state.flooded ? FLOOD_FLUSH_MS : FLUSH_MS,
    )
  }

  function flush(): void {
    const due = events
    events = new Map()
    const flooded = due.size > FLOOD_LEADS
    const seq = feed.position()?.seq ?? state.seq
    const rows: Row[] = []
    for (const row of state.rows) {
      const event = due.get(row.id)
      due.delete(row.id)
      const next = (event && withEvent(row, event)) ?? row
      // One that left the filter goes as soon as that moves nothing under the pointer.
      if (next.version === 0 || held || passes(next, view)) rows.push(next)
    }
    for (const [id, row] of waiting) {
      const event = due.get(id)
      due.delete(id)
      if (event) waiting.set(id, withEvent(row, event) ?? row)
    }
    const compare = held ? null : comparing(view.sort)
    // Already almost in order, which is what the engine's sort is quickest at.
    if (compare) rows.sort(compare)
    change({ rows, seq, flooded })
    if (due.size > FETCH_MAX) change({ outdated: true })
    else if (due.size > 0) void arrive(due)
    if (!held && waiting.size > 0) showWaiting()
  }

  /** Leads that are on no page yet. */
  async function arrive(due: Map<string, ScoreEvent>): Promise<void> {
    const asked = view
    const leads = await api.leadsOf([...due.keys()]).catch(() => null)
    if (!leads) {
      change({ outdated: true })
      return
    }
    if (view !== asked) return
    const known = new Set(state.rows.map(({ id }) => id))
    for (const lead of leads) {
      if (known.has(lead.id) || !passes(lead, view)) continue
      const previous = due.get(lead.id)?.previousOverallScore ?? null
      waiting.set(lead.id, { ...asRow(lead), version: 1, previous })
    }
    change({ waiting: waiting.size })
    if (waiting.size > 0 && !held && !state.paused) showWaiting()
  }

  function refresh(ids: string[]): void {
    for (const id of ids) stale.add(id)
    refreshTimer ??= setTimeout(() => {
      const asked = [...stale].slice(0, FETCH_MAX)
      stale = new Set()
      // Until it is over, what is seen meanwhile waits for the next turn.
      void refreshNow(asked).finally(() => {
        refreshTimer = undefined
        if (stale.size > 0) refresh([])
      })
    }, REFRESH_MS)
  }

  async function refreshNow(ids: string[]): Promise<void> {
    // What cannot be fetched now is asked for again when its row next changes.
    const leads = await api.leadsOf(ids).catch(() => [])
    const byId = new Map(leads.map((lead) => [lead.id, lead]))
    if (byId.size === 0) return
    const rows = state.rows.map((row) => {
      const lead = byId.get(row.id)
      return lead ? withDetails(row, lead) : row
    })
    change({ rows })
  }

  function showWaiting(): void {
    const fresh = [...waiting.values()].reverse()
    waiting = new Map()
    const ids = new Set(fresh.map(({ id }) => id))
    const rows = [...fresh, ...state.rows.filter(({ id }) => !ids.has(id))]
    const compare = comparing(view.sort)
    if (compare) rows.sort(compare)
    change({ rows: rows.slice(0, ROWS_MAX), waiting: 0 })
  }

  feed.start()
  return {
    state: () => state,
    show(next) {
      view = next
      void load(null)
    },
    loadMore() {
      if (!state.loading && hasMore()) void load(nextCursor)
    },
    reload: () => void load(null),
    hold(next) {
      held = next
      if (!held) flushSoon()
    },
    pause(paused) {
      change({ paused, changed: 0 })
      if (!paused) flushSoon()
    },
    showWaiting,
    refresh,
    reconnect: feed.reconnectNow,
    watch(leadId, onScore) {
      const watcher = { leadId, onScore }
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    close() {
      clearTimeout(flushTimer)
      clearTimeout(refreshTimer)
      loading?.abort()
      feed.stop()
    },
  }
}
