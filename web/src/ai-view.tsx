/** What the model calls used and cost this month: by day as a chart, by feature and by model. */
import type { ComponentChildren } from 'preact'
import type { Api, Status } from './api.ts'
import { plural } from './format.ts'
import { useLoaded } from './loading.ts'
import { ScrollTable } from './scroll-table.tsx'

interface Usage {
  calls: number
  outcomes: Record<string, number>
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  costUsd: number
  callsWithoutCost: number
  latencyMsAverage: number | null
}

interface Answer {
  groups: (Usage & { key: string })[]
  total: Usage
  pricesAsOf: string
  budget: {
    monthlyUsd: number | null
    spentUsd: number
    paused: boolean
    monthEnd: string
    provisionalLeads: number
  }
}

const groupings = ['day', 'feature', 'model'] as const
type Answers = Record<(typeof groupings)[number], Answer>

export function AiView({ client, status }: { client: Api; status: Status | null }) {
  const { value, error, reload } = useLoaded(() => load(client), [client])
  return (
    <div class="settings">
      <h2>AI</h2>
      {error && (
        <p class="problem" role="alert">
          {error}{' '}
          <button type="button" onClick={reload}>
            Try again
          </button>
        </p>
      )}
      {status?.rulesOnly && (
        <p class="notice">
          No model is configured: <code>{status.scorer}</code> scores, which costs nothing. Set{' '}
          <code>OPENAI_API_KEY</code> and restart to have a model score.
        </p>
      )}
      {status?.model && <ModelLife model={status.model} />}
      {value && (
        <>
          <Budget answer={value.day} />
          <Panel title="By day">
            <DayChart groups={value.day.groups} />
            <Groups caption="By day" groups={value.day.groups} />
          </Panel>
          <Panel title="By feature">
            <Groups caption="By feature" groups={value.feature.groups} />
          </Panel>
          <Panel title="By model">
            <Groups caption="By model" groups={value.model.groups} />
          </Panel>
        </>
      )}
    </div>
  )
}

function ModelLife({ model }: { model: NonNullable<Status['model']> }) {
  return (
    <Panel title="Models">
      <dl class="facts">
        {model.models.map(({ id, shutdownDate, daysUntilShutdown: days }) => (
          <div key={id}>
            <dt>{id === model.inUse ? `${id}, in use` : id}</dt>
            <dd>
              {shutdownDate === null || days === null
                ? 'no end announced'
                : days > 0
                  ? `switched off in ${plural(days, 'day')}, on ${shutdownDate}`
                  : `switched off since ${shutdownDate}`}
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}

async function load(client: Api): Promise<Answers> {
  const answers = await Promise.all(
    groupings.map((groupBy) => client.get<Answer>(`/api/v1/ai-usage?groupBy=${groupBy}`)),
  )
  return Object.fromEntries(groupings.map((name, index) => [name, answers[index]])) as Answers
}

function Panel({ title, children }: { title: string; children: ComponentChildren }) {
  const id = title.replaceAll(' ', '-').toLowerCase()
  return (
    <section aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      {children}
    </section>
  )
}

function Budget({ answer: { budget, total, pricesAsOf } }: { answer: Answer }) {
  const { monthlyUsd, spentUsd, paused, monthEnd, provisionalLeads } = budget
  return (
    <Panel title="This month">
      <p>
        <strong>{dollars(spentUsd)}</strong>
        {monthlyUsd !== null && ` of ${dollars(monthlyUsd)}`} · {plural(total.calls, 'call')} ·{' '}
        {count(total.inputTokens)} tokens in ({count(total.cachedTokens)} cached),{' '}
        {count(total.outputTokens)} out
      </p>
      {monthlyUsd !== null && (
        <meter
          aria-label="Spent of the budget"
          min={0}
          max={monthlyUsd}
          value={Math.min(spentUsd, monthlyUsd)}
        />
      )}
      {paused && (
        <p class="problem">
          The budget is used up: the built-in rules score meanwhile.{' '}
          {plural(provisionalLeads, 'lead')} will be scored again by the model when the budget is
          raised in the settings, or on {monthEnd.slice(0, 10)}.
        </p>
      )}
      <p class="muted">
        Prices as of {pricesAsOf}.
        {total.callsWithoutCost > 0 &&
          ` ${plural(total.callsWithoutCost, 'call')} of unknown cost not counted.`}
      </p>
    </Panel>
  )
}

function Groups({ caption, groups }: { caption: string; groups: Answer['groups'] }) {
  if (groups.length === 0) return <p class="muted">No model was called this month.</p>
  return (
    <ScrollTable label={caption}>
      <thead>
        <tr>
          <th scope="col">
            <span class="hidden">Name</span>
          </th>
          <th scope="col" class="num">
            Calls
          </th>
          <th scope="col" class="num">
            Went wrong
          </th>
          <th scope="col" class="num">
            Tokens in
          </th>
          <th scope="col" class="num">
            Tokens out
          </th>
          <th scope="col" class="num">
            Cost
          </th>
          <th scope="col" class="num">
            Latency
          </th>
        </tr>
      </thead>
      <tbody>
        {groups.map(({ key, ...usage }) => (
          <tr key={key}>
            <th scope="row">{key}</th>
            <td class="num">{count(usage.calls)}</td>
            <td class="num">{wrong(usage)}</td>
            <td class="num">{count(usage.inputTokens)}</td>
            <td class="num">{count(usage.outputTokens)}</td>
            <td class="num">{dollars(usage.costUsd)}</td>
            <td class="num">
              {usage.latencyMsAverage === null ? '-' : `${usage.latencyMsAverage} ms`}
            </td>
          </tr>
        ))}
      </tbody>
    </ScrollTable>
  )
}

function wrong({ outcomes }: Usage): string {
  const bad = Object.entries(outcomes).filter(([outcome]) => outcome !== 'ok')
  return bad.map(([outcome, calls]) => `${calls} ${outcome.replace('_', ' ')}`).join(', ') || '0'
}

const BAR = 18
const CHART_HEIGHT = 80

function DayChart({ groups }: { groups: Answer['groups'] }) {
  const most = Math.max(...groups.map(({ costUsd }) => costUsd), 0)
  if (most === 0) return null
  const bars = [...groups].sort((a, b) => (a.key < b.key ? -1 : 1))
  const words = bars.map(({ key, costUsd }) => `${key}: ${dollars(costUsd)}`).join(', ')
  return (
    <svg
      class="bars-chart"
      viewBox={`0 0 ${bars.length * BAR} ${CHART_HEIGHT}`}
      width={bars.length * BAR}
      height={CHART_HEIGHT}
      role="img"
      aria-label={`Cost by day. ${words}`}
    >
      {bars.map(({ key, costUsd }, index) => {
        const height = Math.max(1, (costUsd / most) * (CHART_HEIGHT - 4))
        return (
          <rect
            key={key}
            x={index * BAR + 2}
            y={CHART_HEIGHT - height}
            width={BAR - 4}
            height={height}
          >
            <title>{`${key}: ${dollars(costUsd)}`}</title>
          </rect>
        )
      })}
    </svg>
  )
}

const count = (amount: number) => amount.toLocaleString('en')
/** A score costs a hundredth of a cent: two digits would show nothing for days. */
const dollars = (amount: number) =>
  `$${amount.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: amount < 1 ? 5 : 2 })}`
