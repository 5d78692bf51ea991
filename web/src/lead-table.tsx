/** The live table. Real table elements with their roles said aloud, since narrow screens restyle them. */
import { memo } from 'preact/compat'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ago, channelName, exactly } from './format.ts'
import type { Row } from './lead.ts'
import { Score } from './score.tsx'
import { useVisibleRows } from './virtual-rows.ts'

const COLUMNS = [
  'Overall',
  'Lead',
  'Company',
  'Fit',
  'Intent',
  'Last message',
  'Sentiment',
  'Reason',
  'Scored',
]
const asTable = { role: 'table' } as const
const asGroup = { role: 'rowgroup' } as const
const asRow = { role: 'row' } as const
const asHead = { role: 'columnheader', scope: 'col' } as const
const asRowHead = { role: 'rowheader', scope: 'row' } as const
const asCell = { role: 'cell' } as const

export interface LeadTableProps {
  rows: Row[]
  now: number
  /** Other rows may be about to take their place. */
  loading: boolean
  /** Of the lead's own page. */
  addressOf(leadId: string): string
  onOpen(leadId: string): void
  /** Drawn, but of an age that something newer may have passed. */
  onStale(leadIds: string[]): void
}

export function LeadTable({ rows, loading, onStale, ...rest }: LeadTableProps) {
  const body = useRef<HTMLTableSectionElement>(null)
  const { first, end, aboveHeight, belowHeight } = useVisibleRows(
    rows.map(({ id }) => id),
    body,
  )
  const drawn = rows.slice(first, end)
  useEffect(() => {
    const stale = drawn.filter(({ lastMessage }) => lastMessage === undefined)
    if (stale.length > 0) onStale(stale.map(({ id }) => id))
  })
  return (
    <table {...asTable} class="leads" aria-rowcount={rows.length + 1} aria-busy={loading}>
      <caption class="hidden">Leads with their scores</caption>
      <thead {...asGroup}>
        <tr {...asRow} aria-rowindex={1}>
          {COLUMNS.map((name) => (
            <th key={name} {...asHead} class={`c-${name.toLowerCase().replace(' ', '-')}`}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody {...asGroup} ref={body}>
        <Spacer key="above" height={aboveHeight} />
        {drawn.map((row, index) => (
          <LeadRow key={row.id} row={row} index={first + index} {...rest} />
        ))}
        <Spacer key="below" height={belowHeight} />
      </tbody>
    </table>
  )
}

/** Stands for the rows that are not drawn. */
function Spacer({ height }: { height: number }) {
  if (height < 1) return null
  return (
    <tr class="spacer">
      <td colSpan={COLUMNS.length}>
        <svg width="1" height={Math.round(height)} aria-hidden="true" />
      </td>
    </tr>
  )
}

interface LeadRowProps extends Omit<LeadTableProps, 'rows' | 'loading' | 'onStale'> {
  row: Row
  index: number
}

const LeadRow = memo(function LeadRow({ row, index, now, addressOf, onOpen }: LeadRowProps) {
  // Two names for one animation: changing the name is what starts it again.
  const flash = row.version === 0 ? '' : row.version % 2 ? 'flash-a' : 'flash-b'
  const contact = row.email ?? row.phone
  const name = row.name ?? contact ?? 'Unknown'
  return (
    <tr {...asRow} class={flash} data-key={row.id} aria-rowindex={index + 2}>
      <td {...asCell} class="c-overall">
        <Score axis="overall" value={row.overallScore} />
        <Move row={row} />
      </td>
      <th {...asRowHead} class="c-lead">
        <a
          class="name"
          title={name}
          href={addressOf(row.id)}
          onClick={(event) => {
            // A modified click opens a tab, as everywhere.
            if (event.ctrlKey || event.metaKey || event.shiftKey) return
            event.preventDefault()
            onOpen(row.id)
          }}
        >
          {name}
        </a>
        {row.demo && <span class="tag">demo</span>}
        {contact && contact !== name && (
          <span class="sub" title={contact}>
            {contact}
          </span>
        )}
      </th>
      <td {...asCell} class={`c-company ${row.company || row.title ? '' : 'blank'}`}>
        <span class="cut" title={row.company ?? undefined}>
          {row.company ?? '-'}
        </span>
        {row.title && (
          <span class="sub" title={row.title}>
            {row.title}
          </span>
        )}
      </td>
      <td {...asCell} class="c-fit" data-label="Fit">
        <Score axis="fit" value={row.fitScore} />
      </td>
      <td {...asCell} class="c-intent" data-label="Intent">
        <Score axis="intent" value={row.intentScore} />
      </td>
      <td {...asCell} class="c-last-message">
        <LastMessage row={row} now={now} />
      </td>
      <td {...asCell} class="c-sentiment">
        {row.sentimentTag}
      </td>
      <td {...asCell} class="c-reason">
        <Reason row={row} />
      </td>
      <td {...asCell} class="c-scored">
        <Scored row={row} now={now} />
      </td>
    </tr>
  )
})

function Move({ row }: { row: Row }) {
  const { version, previous, overallScore } = row
  if (row.disqualifiedReason !== null) return <span class="move">disqualified</span>
  if (version === 0 || previous === null || overallScore === null || previous === overallScore) {
    return null
  }
  const up = overallScore > previous
  return (
    <span class="move">
      <span aria-hidden="true">{up ? '▲' : '▼'}</span> from {previous}
    </span>
  )
}

function LastMessage({ row, now }: { row: Row; now: number }) {
  const { lastMessage, lastChannel, lastActivityAt } = row
  const at = lastMessage?.sentAt ?? lastActivityAt
  return (
    <>
      {lastMessage && (
        <span class="excerpt" title={lastMessage.text}>
          {lastMessage.direction === 'outbound' && <span class="muted">We: </span>}
          {lastMessage.text || '(no text)'}
        </span>
      )}
      <span class="sub">
        {channelName(lastMessage?.channel ?? lastChannel)},{' '}
        <time dateTime={at} title={exactly(at)}>
          {ago(at, now)}
        </time>
      </span>
    </>
  )
}

function Reason({ row }: { row: Row }) {
  const [open, setOpen] = useState(false)
  const text = row.scoringError ? `Not scored: ${row.scoringError}` : row.scoreReasoning
  if (!text) return <span class="muted">-</span>
  return (
    <button
      type="button"
      class={`reason ${open ? 'open' : ''} ${row.scoringError ? 'failed' : ''}`}
      aria-expanded={open}
      title={open ? undefined : text}
      onClick={() => setOpen(!open)}
      onFocus={(event) => event.currentTarget.matches(':focus-visible') && setOpen(true)}
      onBlur={() => setOpen(false)}
    >
      {text}
    </button>
  )
}

function Scored({ row, now }: { row: Row; now: number }) {
  if (!row.scoredAt) return <span class="muted">{row.state === 'pending' ? 'pending' : '-'}</span>
  return (
    <>
      <time dateTime={row.scoredAt} title={exactly(row.scoredAt)}>
        {ago(row.scoredAt, now)}
      </time>
      {row.state === 'pending' && <span class="sub">new score pending</span>}
    </>
  )
}
