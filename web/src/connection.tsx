/** The state of the feed in words, with a shape beside them. */
import type { BoardState } from './board.ts'

export function Connection({ state, online }: { state: BoardState; online: boolean }) {
  const { shape, text } = describe(state, online)
  return (
    <p class={`connection ${shape}`} role="status">
      <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
        {shape === 'on' && <circle cx="5" cy="5" r="4.5" />}
        {shape === 'wait' && <circle class="ring" cx="5" cy="5" r="3.5" />}
        {shape === 'off' && <rect x="1" y="1" width="8" height="8" />}
        {shape === 'hold' && <path d="M1.5 1h2.5v8H1.5zM6 1h2.5v8H6z" />}
      </svg>
      {text}
    </p>
  )
}

type Shape = 'on' | 'wait' | 'off' | 'hold'

function describe({ feed, paused }: BoardState, online: boolean): { shape: Shape; text: string } {
  if (!online) return { shape: 'off', text: 'Offline: waiting for the network' }
  switch (feed.kind) {
    case 'live':
      return paused ? { shape: 'hold', text: 'Paused' } : { shape: 'on', text: 'Live' }
    case 'connecting':
      return { shape: 'wait', text: 'Connecting' }
    case 'waiting':
      return { shape: 'wait', text: 'Reconnecting, nothing will be missed' }
    case 'refused':
      return { shape: 'off', text: `Not connected: ${feed.detail || feed.why}` }
    case 'stopped':
      return { shape: 'off', text: 'Not connected' }
  }
}
