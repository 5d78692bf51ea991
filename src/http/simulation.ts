/** The one-minute simulation that an admin starts from the dashboard, and the way to be rid of it. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import type { ForgetJobs } from '../domain/leads/erase-lead.ts'
import { readSettings } from '../domain/settings.ts'
import {
  countDemoLeads,
  readSimulation,
  removeDemoLeads,
  simulationStates,
  startSimulation,
} from '../domain/simulation.ts'
import type { Store } from '../domain/sql.ts'
import { composeSimulation, type SimulationToPlay } from '../simulate/play.ts'
import type { Guard } from './auth.ts'
import { integer, time } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'

export interface SimulationDeps {
  store: Store
  guard: Guard
  forgetJobs: ForgetJobs
  /** Plays what was started, in this process. */
  playSimulation(simulation: SimulationToPlay): void
}

const startSchema = z
  .strictObject({
    leads: integer(1, 200).default(30),
    webhooksPerSecond: integer(1, 50).default(4),
    seconds: integer(1, 300).default(60),
  })
  .nullish()
  .meta({ id: 'StartSimulation' })

const simulationSchema = z
  .strictObject({
    state: z.enum(['none', ...simulationStates]).meta({
      description: '`stopped`: the process that played it has ended',
    }),
    webhooks: z.int().meta({ description: 'To be sent in all' }),
    sent: z.int(),
    failed: z.int().meta({ description: 'Of those sent: not taken' }),
    error: z.string().nullable(),
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    demoLeads: z.int().meta({
      description: 'Made-up leads there are now, of this and earlier runs and of test webhooks',
    }),
    demoLeadsScored: z.int().meta({ description: 'Of those: covered by a score' }),
  })
  .meta({ id: 'Simulation' })

const none = {
  state: 'none' as const,
  webhooks: 0,
  sent: 0,
  failed: 0,
  error: null,
  startedAt: null,
  endedAt: null,
}
const tags = ['Simulation']
const url = '/api/v1/simulation'

export const simulationRoutes: FastifyPluginAsyncZod<{ deps: SimulationDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard } = deps

  async function shown(workspaceId: string) {
    const simulation = (await readSimulation(store, workspaceId)) ?? none
    const { leads, scored } = await countDemoLeads(store, workspaceId)
    return { ...simulation, demoLeads: leads, demoLeadsScored: scored }
  }

  app.route({
    method: 'GET',
    url,
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'How far the simulation is, and how many demo leads there are',
      response: { 200: simulationSchema, ...problemResponses('unauthorized', 'forbidden') },
    },
    handler: (request) => shown(guard.principalOf(request).workspaceId),
  })

  app.route({
    method: 'POST',
    url,
    onRequest: guard.requireRole('admin'),
    schema: {
      tags,
      summary: 'Play made-up conversations on all channels: creates demo leads and scores them',
      description:
        'Returns at once; one at a time per workspace (409). Leads are marked `demo`. A configured model is asked about them and costs what it costs. Refused (409) while `clayWebhookUrl` is set, because demo leads would be sent there.',
      body: startSchema,
      response: {
        202: simulationSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found', 'conflict'),
      },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const { workspaceId } = who
      const { leads = 30, webhooksPerSecond = 4, seconds = 60 } = request.body ?? {}
      await refuseWithClay(store, workspaceId)
      const deliveries = composeSimulation({ leads, rate: webhooksPerSecond, seconds })
      const runId = await store.transaction(async (tx) => {
        const started = await startSimulation(tx, { workspaceId, webhooks: deliveries.length })
        const detail = { webhooks: deliveries.length }
        if (started) await audit(tx, who, { action: 'simulation.start', targetId: started, detail })
        return started
      })
      if (!runId) throw new Problem('conflict', { detail: 'A simulation is under way' })
      deps.playSimulation({ workspaceId, runId, deliveries })
      return reply.code(202).send(await shown(workspaceId))
    },
  })
  addRemoval(app, deps)
}

async function refuseWithClay(store: Store, workspaceId: string): Promise<void> {
  const settings = await readSettings(store, workspaceId)
  if (!settings) throw new Problem('not-found', { detail: 'There is no workspace yet' })
  if (settings.clayWebhookUrl === null) return
  throw new Problem('conflict', {
    detail: 'clayWebhookUrl is set: demo leads would be sent there. Take it out first',
  })
}

function addRemoval(
  app: Parameters<typeof simulationRoutes>[0],
  { store, guard, forgetJobs }: SimulationDeps,
): void {
  app.route({
    method: 'DELETE',
    url,
    onRequest: guard.requireRole('admin'),
    schema: {
      tags,
      summary: 'Erase every demo lead with its messages and scores',
      response: {
        200: z.strictObject({ removed: z.int().meta({ description: 'Demo leads erased' }) }),
        ...problemResponses('unauthorized', 'forbidden', 'conflict'),
      },
    },
    handler: async (request) => {
      const who = guard.principalOf(request)
      const simulation = await readSimulation(store, who.workspaceId)
      if (simulation?.state === 'running') {
        throw new Problem('conflict', { detail: 'A simulation is under way; wait for its end' })
      }
      const removed = await removeDemoLeads(store, who.workspaceId, forgetJobs)
      const detail = { removed }
      await audit(store, who, { action: 'simulation.remove', targetId: null, detail })
      return { removed }
    },
  })
}
