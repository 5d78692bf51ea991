/** The way of one message from its receipt to its score, for whoever asks why it took so long. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { channels } from '../domain/channels/inbound-event.ts'
import { readTimeline, stageNames } from '../domain/leads/message-timeline.ts'
import { stepNames } from '../domain/post-process/step.ts'
import type { Sql } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { id, idParams, time } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'

export interface TimelineDeps {
  store: Sql
  guard: Guard
}

const took = z.number().nullable()
const timelineSchema = z
  .strictObject({
    messageId: id,
    leadId: id,
    leadName: z.string().nullable(),
    channel: z.enum(channels),
    direction: z.enum(['inbound', 'outbound']).meta({
      description: 'Of outbound messages nothing follows storing',
    }),
    sentAt: time,
    stages: z.array(
      z.strictObject({
        stage: z.enum(stageNames).meta({
          description: '`scoring`: the quiet window and the wait for a permit are over',
        }),
        at: time.nullable().meta({ description: 'null: not reached, or not kept at that time' }),
        tookMs: took.meta({ description: 'Since the stage before it whose time is known' }),
      }),
    ),
    totalMs: took.meta({ description: 'From received to scored' }),
    steps: z.array(
      z.strictObject({
        step: z.enum(stepNames),
        state: z.enum(['done', 'failed']),
        error: z.string().nullable(),
        at: time,
      }),
    ),
    score: z
      .strictObject({
        seq: z.int(),
        overallScore: z.int().min(1).max(4).nullable(),
        model: z.string(),
      })
      .nullable()
      .meta({ description: 'The first score that covers the message' }),
    coveredWithoutScore: z.boolean().meta({
      description: 'There was nothing to score, or the score event is no longer kept',
    }),
    scoringError: z.string().nullable().meta({
      description: 'Why the last attempt failed, while no score covers the message',
    }),
  })
  .meta({ id: 'MessageTimeline' })

export const timelineRoutes: FastifyPluginAsyncZod<{ deps: TimelineDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard } = deps
  app.route({
    method: 'GET',
    url: '/api/v1/messages/:id/timeline',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags: ['Leads'],
      summary: 'One message from receipt to score, with the time each part took',
      params: idParams,
      response: {
        200: timelineSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const timeline = await readTimeline(store, { workspaceId, messageId: request.params.id })
      if (!timeline) throw new Problem('not-found')
      return timeline
    },
  })
}
