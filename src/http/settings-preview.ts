/** Tries settings out on one lead before they are saved: scored, shown, and nothing kept of it. */
import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Preview, previewScore } from '../domain/scoring/preview.ts'
import type { Scorer, ScoringContext } from '../domain/scoring/score.ts'
import type { Store } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { id } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'
import { judgedBySchema } from './settings.ts'

export interface SettingsPreviewDeps {
  store: Store
  guard: Guard
  /** Behind the gate of all calls to the model. */
  previewScorer: Scorer
}

const bodySchema = z
  .strictObject({
    leadId: z.guid('takes the id of a lead').toLowerCase(),
    settings: judgedBySchema.default({}).meta({
      description: 'What is left out is taken from the saved settings',
    }),
  })
  .meta({ id: 'PreviewSettings' })

const score = z.int().min(1).max(4)
const previewSchema = z
  .strictObject({
    leadId: id,
    fitScore: score,
    intentScore: score,
    overallScore: score,
    scoreReasoning: z.string(),
    model: z.string().meta({ description: 'Model, `rules-v1`, or `disqualified`' }),
    promptVersion: z.string(),
    provisional: z.boolean().meta({
      description: 'Made by the rules, because the AI budget is used up',
    }),
  })
  .meta({ id: 'SettingsPreview' })

export const settingsPreviewRoutes: FastifyPluginAsyncZod<{ deps: SettingsPreviewDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard, previewScorer } = deps
  app.route({
    method: 'POST',
    url: '/api/v1/settings/preview',
    onRequest: guard.requireRole('member'),
    schema: {
      tags: ['Settings'],
      summary: 'Score one lead with these settings, without saving either',
      description:
        'Asks the model like any score: the call counts for cost and budget, under the feature `lead_scoring.preview`. 409: the lead has not written yet. 503: the model did not answer; `detail` says why.',
      body: bodySchema,
      response: {
        200: previewSchema,
        ...problemResponses(
          'validation',
          'unauthorized',
          'forbidden',
          'not-found',
          'conflict',
          'unavailable',
        ),
      },
    },
    handler: async (request, reply) => {
      const { workspaceId } = guard.principalOf(request)
      const { leadId, settings } = request.body
      const of = { workspaceId, leadId, settings: settings as Partial<ScoringContext> }
      const preview = await previewScore(
        { store, scorer: previewScorer },
        of,
        whileConnected(reply),
      )
      return { leadId, ...shown(preview) }
    },
  })
}

/** Nobody waits for the answer any more: the call is ended, too. */
function whileConnected(reply: FastifyReply): AbortSignal {
  const abort = new AbortController()
  reply.raw.once('close', () => abort.abort())
  return abort.signal
}

function shown(preview: Preview | null) {
  if (!preview) throw new Problem('not-found')
  if (preview.kind === 'nothing to score') {
    throw new Problem('conflict', { detail: 'The lead has not written yet' })
  }
  if (preview.kind === 'failed') {
    const { reason, retryAfterMs } = preview.failure
    const seconds = retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1000)
    throw new Problem('unavailable', {
      detail: `The model gave no score: ${reason}`,
      ...(seconds !== null && { headers: { 'retry-after': String(seconds) } }),
    })
  }
  const { scores, model, promptVersion, provisional } = preview
  const { reasoning: scoreReasoning, ...values } = scores
  return { ...values, scoreReasoning, model, promptVersion, provisional }
}
