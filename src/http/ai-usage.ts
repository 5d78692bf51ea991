/** What the LLM calls of a workspace used and cost, and how much of its monthly budget is left. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { readBudget } from '../domain/ai/budget.ts'
import { countProvisional, readUsage, usageGroupings } from '../domain/ai/usage.ts'
import { PRICES_AS_OF } from '../domain/scoring/models.ts'
import { interactionOutcomes } from '../domain/scoring/score.ts'
import type { Store } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { oneOf, time } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'

export interface AiUsageDeps {
  store: Store
  guard: Guard
}

const momentTakes = 'takes a day such as 2026-11-24 or a time such as 2026-11-24T09:00:00Z, in UTC'
const moment = z.union([z.iso.date(), z.iso.datetime()], momentTakes).optional()

const usageFields = {
  calls: z.int(),
  outcomes: z
    .partialRecord(z.enum(interactionOutcomes), z.int())
    .meta({ description: 'Calls of each outcome that occurred' }),
  inputTokens: z.int(),
  cachedTokens: z.int().meta({ description: 'Part of the input, read from the provider’s cache' }),
  outputTokens: z.int(),
  reasoningTokens: z.int().meta({ description: 'Part of the output' }),
  costUsd: z.number().meta({ description: 'Of the calls whose cost is known' }),
  callsWithoutCost: z.int().meta({
    description: 'No usage was answered, or the model has no known price: never a guess',
  }),
  latencyMsAverage: z.int().nullable(),
}

const aiUsageSchema = z
  .strictObject({
    groupBy: z.enum(usageGroupings),
    from: time,
    to: time,
    groups: z.array(z.strictObject({ key: z.string(), ...usageFields })),
    total: z.strictObject(usageFields),
    pricesAsOf: z.iso.date().meta({ description: 'Day of the price table' }),
    budget: z
      .strictObject({
        monthlyUsd: z.number().nullable().meta({ description: 'null: no limit' }),
        spentUsd: z.number().meta({ description: 'Since the month began, UTC' }),
        paused: z.boolean().meta({
          description: 'Used up: the rules score, and mark their scores provisional',
        }),
        monthStart: time,
        monthEnd: time.meta({ description: 'When spending counts from zero again' }),
        provisionalLeads: z.int().meta({
          description: 'Leads to be scored again when the budget allows',
        }),
      })
      .meta({ description: 'Of the current month, whatever `from` and `to` say' }),
  })
  .meta({ id: 'AiUsage' })

export const aiUsageRoutes: FastifyPluginAsyncZod<{ deps: AiUsageDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard } = deps
  app.route({
    method: 'GET',
    url: '/api/v1/ai-usage',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags: ['AI usage'],
      summary: 'LLM calls, tokens and cost by feature, model, source or day; the monthly budget',
      querystring: z.strictObject({
        groupBy: oneOf(usageGroupings).default('feature'),
        from: moment.meta({ description: 'Default: the start of this month, UTC' }),
        to: moment.meta({ description: 'Not included; default: the end of this month, UTC' }),
      }),
      response: {
        200: aiUsageSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const budget = await readBudget(store, workspaceId, { always: true })
      if (!budget) throw new Problem('not-found', { detail: 'There is no workspace yet' })
      const { groupBy, from: after, to: before } = request.query
      const from = after === undefined ? budget.monthStart : new Date(after)
      const to = before === undefined ? budget.monthEnd : new Date(before)
      if (to < from) {
        const message = `takes a time that is not before from, which is ${from.toISOString()}`
        throw new Problem('validation', { errors: [{ field: 'to', message }] })
      }
      const usage = await readUsage(store, { workspaceId, groupBy, from, to })
      const provisionalLeads = await countProvisional(store, workspaceId)
      return {
        ...{ groupBy, from, to, ...usage, pricesAsOf: PRICES_AS_OF },
        budget: { ...budget, provisionalLeads },
      }
    },
  })
}
