/** Where Clay's answers arrive: `POST /webhooks/clay/:token`, the token naming one lead. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { CallbackTokens } from '../domain/enrichment/callback-token.ts'
import { applyEnrichment, type EnrichmentAnswer } from '../domain/enrichment/enrichment.ts'
import type { LeadRef } from '../domain/leads/read-lead.ts'
import type { Store } from '../domain/sql.ts'
import type { FailedAttempts } from './limits.ts'
import { Problem, problemResponses } from './problem.ts'

export interface ClayDeps {
  store: Store
  attempts: FailedAttempts
  callbackTokens: Pick<CallbackTokens, 'read'>
  /** Sends scoring jobs, after the change that made them due has committed. */
  scoreSoon(leads: LeadRef[]): Promise<void>
}

const VALUE_CHARACTERS_MAX = 2000
const value = z
  .union([z.string().max(VALUE_CHARACTERS_MAX), z.number()], 'takes a text, a number or null')
  .nullish()
const answerSchema = z
  .looseObject({
    firstName: value,
    lastName: value,
    company: value,
    title: value,
    industry: value,
    headcount: value,
    email: value,
    phone: value,
    linkedinUrl: value,
  })
  .meta({
    id: 'EnrichmentAnswer',
    description: 'What is known; other members are ignored. Blanks of the lead are filled',
  })

export const clayRoutes: FastifyPluginAsyncZod<{ deps: ClayDeps }> = async (app, { deps }) => {
  app.route({
    method: 'POST',
    url: '/webhooks/clay/:token',
    // The token is a secret: this route is not logged with its URL.
    logLevel: 'warn',
    schema: {
      tags: ['Webhooks'],
      security: [],
      summary: 'Take the answer of an enrichment; the URL is the `callbackUrl` that was sent',
      params: z.strictObject({ token: z.string() }),
      body: answerSchema,
      response: {
        200: z.strictObject({
          status: z.enum(['accepted', 'ignored']),
          reason: z.string().optional(),
        }),
        ...problemResponses('validation', 'unauthorized', 'too-many-requests'),
      },
    },
    // Before the body is read: a stranger learns nothing about what the route takes.
    onRequest: async (request) => {
      const { token } = request.params as { token: string }
      if (!deps.callbackTokens.read(token)) {
        const refusal = new Problem('unauthorized', { detail: 'unknown or expired callback URL' })
        throw await deps.attempts.refuse(request, refusal)
      }
    },
    handler: async (request) => {
      const lead = deps.callbackTokens.read(request.params.token)
      if (!lead) throw new Problem('unauthorized', { detail: 'unknown or expired callback URL' })
      const answer = request.body as EnrichmentAnswer
      const result = await deps.store.transaction((tx) => applyEnrichment(tx, lead, answer))
      if (result === 'unknown') return { status: 'ignored' as const, reason: 'the lead is gone' }
      if (result === 'unchanged') return { status: 'ignored' as const, reason: 'nothing new' }
      await deps.scoreSoon([lead])
      return { status: 'accepted' as const }
    },
  })
}
