/** The live table. Real table elements with their roles said aloud, since narrow screens restyle them. */
import { memo } from 'preact/compat'
import { useState } from 'preact/hooks'
import { ago, channelName, exactly } from './format.ts'
import type { Row } from './lead.ts'
import { Score } from './score.tsx'

const COLUMNS = [
  'Overall',
  'Lead',
  'Company',
  'Fit',
  'Intent',
  'Channel',
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

export function LeadTable({ rows, now }: { rows: Row[]; now: number }) {
  return (
    <table {...asTable} class="leads">
      <caption class="hidden">Leads with their scores, newest activity first</caption>
      <thead {...asGroup}>
        <tr {...asRow}>
          {COLUMNS.map((name) => (
            <th key={name} {...asHead} class={`c-${name.toLowerCase()}`}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody {...asGroup}>
        {rows.map((row) => (
          <LeadRow key={row.id} row={row} now={now} />
        ))}
      </tbody>
    </table>
  )
}

interface LeadRowProps {
  row: Row
  now: number
}

const LeadRow = memo(function LeadRow({ row, now }: LeadRowProps) {
  // Two names for one animation: changing the name is what starts it again.
  const flash = row.version === 0 ? '' : row.version % 2 ? 'flash-a' : 'flash-b'
  const contact = row.email ?? row.phone
  const name = row.name ?? contact ?? 'Unknown'
  return (
    <tr {...asRow} class={flash}>
      <td {...asCell} class="c-overall">
        <Score axis="overall" value={row.overallScore} />
        <Move row={row} />
      </td>
      <th {...asRowHead} class="c-lead">
        <span class="name" title={name}>
          {name}
        </span>
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
      <td {...asCell} class="c-channel">
        {channelName(row.lastChannel)}
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
    >
      {text}
    </button>
  )
}

function Scored({ row, now }: LeadRowProps) {
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
