/** The drain: works through due jobs within a time budget, for a cron job or a person. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import type { Store } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { integer } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'

export interface DrainDeps {
  store: Store
  guard: Guard
  /** Null: one is under way in this process. */
  drain(budgetMs: number): Promise<z.output<typeof drainedSchema> | null>
}

/** Below the five minutes that schedulers commonly allow a request. */
export const DRAIN_BUDGET_MS_MAX = 240_000
/** Less is over before the first call to a model could be. */
const BUDGET_MS_MIN = 1000

const drainedSchema = z
  .strictObject({
    processed: z.int().meta({ description: 'Jobs that this call has ended' }),
    failed: z.int().meta({
      description: 'Attempts of this call that failed; those jobs come again, or are `failed`',
    }),
    remaining: z.int().meta({ description: 'Jobs of all workspaces that are due now' }),
  })
  .meta({ id: 'Drained' })

const drainQuery = z.strictObject({
  budgetMs: z.coerce
    .number(`takes a whole number from ${BUDGET_MS_MIN} to ${DRAIN_BUDGET_MS_MAX}`)
    .pipe(integer(BUDGET_MS_MIN, DRAIN_BUDGET_MS_MAX))
    .default(DRAIN_BUDGET_MS_MAX)
    .meta({ description: 'Milliseconds within which the answer comes' }),
})

export const drainRoutes: FastifyPluginAsyncZod<{ deps: DrainDeps }> = async (app, { deps }) => {
  const { store, guard } = deps

  app.route({
    method: 'POST',
    url: '/api/v1/jobs/drain',
    onRequest: guard.requireInstanceAdminOrCron(),
    schema: {
      tags: ['Jobs'],
      summary: 'Work through due jobs of all workspaces for a limited time',
      description:
        'Takes the admin token of the instance, or CRON_SECRET. Ends when nothing is due, at the ' +
        'latest within the budget; no job is begun that would not end in time. No job runs twice, ' +
        'whoever else works through jobs. One at a time in a process.',
      querystring: drainQuery,
      response: {
        200: drainedSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'conflict'),
      },
    },
    handler: async (request) => {
      const { budgetMs } = request.query
      const drained = await deps.drain(budgetMs)
      if (!drained) throw new Problem('conflict', { detail: 'A drain is under way already' })
      const who = guard.personOf(request)
      const detail = { budgetMs, ...drained }
      if (who) await audit(store, who, { action: 'job.drain', targetId: null, detail })
      return drained
    },
  })
}
