/** The simulation that shows Leadpulse at work: to start it, how far it is, and to be rid of it. */
import { useEffect, useState } from 'preact/hooks'
import type { Api, Status } from './api.ts'
import { plural } from './format.ts'
import { type Action, useAction, useLoaded } from './loading.ts'

export interface Simulation {
  state: 'none' | 'running' | 'done' | 'stopped' | 'failed'
  webhooks: number
  sent: number
  failed: number
  error: string | null
  demoLeads: number
  demoLeadsScored: number
}

export interface Simulator {
  simulation: Simulation | undefined
  action: Action
  start(): void
  remove(): void
}

const PATH = '/api/v1/simulation'
const LOOK_MS = 1000

/** `onRemoved`: the demo leads are gone. */
export function useSimulator(client: Api, onRemoved: () => void): Simulator {
  const loaded = useLoaded(() => client.get<Simulation>(PATH), [client])
  const action = useAction()
  const { value, reload } = loaded
  useEffect(() => {
    if (!value || !isAtWork(value)) return
    const timer = setTimeout(reload, LOOK_MS)
    return () => clearTimeout(timer)
  }, [value])
  return {
    simulation: value,
    action,
    start: () =>
      action.run(async () => {
        await client.send('POST', PATH)
        reload()
      }),
    remove: () =>
      action.run(async () => {
        await client.send('DELETE', PATH)
        reload()
        onRemoved()
      }),
  }
}

/** Sent, but some of its leads have no score yet: they come within seconds. */
const isAtWork = ({ state, demoLeads, demoLeadsScored }: Simulation) =>
  state === 'running' || (state === 'done' && demoLeadsScored < demoLeads)

interface StartProps {
  simulator: Simulator
  status: Status | null
}

export function SimulationStart({ simulator: { simulation, action, start }, status }: StartProps) {
  const isAdmin = status?.role === 'admin'
  return (
    <>
      <p>
        <button
          type="button"
          class="primary"
          disabled={!isAdmin || action.busy || simulation?.state === 'running'}
          onClick={start}
        >
          Run a one-minute simulation
        </button>
      </p>
      <p class="muted">
        {isAdmin
          ? 'Creates about 30 demo leads with made-up replies on all five channels. They are marked “demo”, and one button removes them.'
          : 'Only an admin token may start it.'}{' '}
        {status?.model && `${status.model.inUse} is asked about each, for a few cents in all.`}
      </p>
      <Failure action={action} />
    </>
  )
}

/** Above the table while there is anything to tell. */
export function SimulationBar({ simulator, status }: StartProps) {
  const { simulation, action, remove } = simulator
  const [asked, setAsked] = useState(false)
  if (!simulation || (simulation.state !== 'running' && simulation.demoLeads === 0)) return null
  const { state, webhooks, sent, demoLeads, demoLeadsScored } = simulation
  const scored = `${plural(demoLeads, 'demo lead')}, ${demoLeadsScored} scored`
  return (
    <div class="notice simulation">
      {state === 'running' ? (
        <>
          <label for="simulated">Simulation</label>
          <progress id="simulated" max={webhooks} value={sent} />
          <span>
            {sent} of {webhooks} webhooks, {scored}
          </span>
        </>
      ) : (
        <>
          <span>{said(simulation, scored)}</span>
          {status?.role === 'admin' && !asked && (
            <button type="button" disabled={action.busy} onClick={() => setAsked(true)}>
              Remove demo leads…
            </button>
          )}
          {asked && (
            <>
              <button
                type="button"
                class="primary"
                disabled={action.busy}
                onClick={() => {
                  setAsked(false)
                  remove()
                }}
              >
                Erase {plural(demoLeads, 'demo lead')}
              </button>
              <button type="button" onClick={() => setAsked(false)}>
                Keep
              </button>
            </>
          )}
        </>
      )}
      <Failure action={action} />
    </div>
  )
}

function said({ state, sent, failed, webhooks }: Simulation, scored: string): string {
  const lost =
    failed > 0 ? ` ${plural(failed, 'webhook')} not taken: the service was too busy.` : ''
  if (state === 'stopped') {
    return `The simulation was cut short by a restart, after ${sent} of ${webhooks} webhooks. ${scored}.${lost}`
  }
  if (state === 'failed') return `The simulation failed; the log says why. ${scored}.`
  return `${scored}.${lost}`
}

function Failure({ action }: { action: Action }) {
  if (!action.error) return null
  return (
    <p class="problem" role="alert">
      {action.error}
    </p>
  )
}
