/** What one lead would be scored with the settings as typed: asked for, shown, and not kept. */
import { useEffect, useState } from 'preact/hooks'
import type { Api, Page } from './api.ts'
import type { Lead } from './lead.ts'
import { useAction, useLoaded } from './loading.ts'
import { Score } from './score.tsx'
import { ScrollTable } from './scroll-table.tsx'

interface Preview {
  fitScore: number
  intentScore: number
  overallScore: number
  scoreReasoning: string
  model: string
  provisional: boolean
}

interface PreviewProps {
  client: Api
  /** The settings to judge by, as the API takes them. */
  settings(): Record<string, unknown>
  /** Costs a call to a model, which is said; null: the rules score, for nothing. */
  model: string | null
}

/** More is found by typing. */
const CHOICES = 50
const SEARCH_DELAY_MS = 250

export function SettingsPreview({ client, settings, model }: PreviewProps) {
  const [search, setSearch] = useState('')
  const [wanted, setWanted] = useState('')
  const [shown, setShown] = useState<{ lead: Lead; preview: Preview } | null>(null)
  const q = useSettled(search.trim())
  const leads = useLoaded(() => {
    const query = new URLSearchParams({ limit: String(CHOICES), ...(q && { q }) })
    return client.get<Page<Lead>>(`/api/v1/leads?${query}`)
  }, [client, q])
  const action = useAction()
  const choices = leads.value?.items ?? []
  const chosen = choices.find(({ id }) => id === wanted) ?? choices[0]
  const run = (lead: Lead) =>
    action.run(async () => {
      setShown(null)
      const body = { leadId: lead.id, settings: settings() }
      setShown({ lead, preview: await client.send('POST', '/api/v1/settings/preview', body) })
    })
  return (
    <section aria-labelledby="try" class="inner">
      <h4 id="try">Try these settings on a lead</h4>
      <p class="muted">
        Scores one lead with what is typed above, saved or not, and changes nothing.{' '}
        {model ? `Asks ${model} once.` : 'The built-in rules score, which costs nothing.'}
      </p>
      <div class="row">
        <input
          type="search"
          aria-label="Find a lead to try on"
          placeholder="Find a lead"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <select
          aria-label="Lead to try on"
          value={chosen?.id ?? ''}
          disabled={choices.length === 0}
          onChange={(event) => setWanted(event.currentTarget.value)}
        >
          {choices.length === 0 && <option value="">No lead</option>}
          {choices.map((lead) => (
            <option key={lead.id} value={lead.id}>
              {nameOf(lead)}
            </option>
          ))}
        </select>
        <button
          type="button"
          disabled={action.busy || !chosen}
          onClick={() => chosen && run(chosen)}
        >
          {action.busy ? 'Scoring…' : 'Score this lead with these settings'}
        </button>
      </div>
      {leads.error && <p class="problem">{leads.error}</p>}
      {action.error && (
        <p class="problem" role="alert">
          {action.error}
        </p>
      )}
      <div role="status">{shown && <Comparison {...shown} />}</div>
    </section>
  )
}

const nameOf = ({ name, company, email, phone }: Lead) =>
  [name ?? email ?? phone ?? 'Unknown', company].filter(Boolean).join(', ')

function Comparison({ lead, preview }: { lead: Lead; preview: Preview }) {
  return (
    <>
      <p>
        <strong>{nameOf(lead)}</strong>
      </p>
      <ScrollTable label={`${nameOf(lead)}: now, and with these settings`}>
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Settings</span>
            </th>
            <th scope="col">Overall</th>
            <th scope="col">Fit</th>
            <th scope="col">Intent</th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          <Scored title="Now" by={lead.scoredBy} scores={lead} />
          <Scored
            title="With these settings"
            by={preview.provisional ? `${preview.model}, budget used up` : preview.model}
            scores={preview}
          />
        </tbody>
      </ScrollTable>
    </>
  )
}

interface ScoredProps {
  title: string
  by: string | null
  scores: Pick<Lead, 'fitScore' | 'intentScore' | 'overallScore' | 'scoreReasoning'>
}

function Scored({ title, by, scores }: ScoredProps) {
  return (
    <tr>
      <th scope="row">
        {title}
        {by && <span class="sub">{by}</span>}
      </th>
      <td>
        <Score axis="overall" value={scores.overallScore} />
      </td>
      <td>
        <Score axis="fit" value={scores.fitScore} />
      </td>
      <td>
        <Score axis="intent" value={scores.intentScore} />
      </td>
      <td>{scores.scoreReasoning ?? '-'}</td>
    </tr>
  )
}

/** The text once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SEARCH_DELAY_MS)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}
