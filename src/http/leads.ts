/** Leads to read: the list with its filters, one lead, its messages and its score history. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { channels } from '../domain/channels/inbound-event.ts'
import { scoreFilters } from '../domain/leads/lead-filter.ts'
import { fitsSort, type LeadKey, type LeadSort, leadSorts } from '../domain/leads/lead-order.ts'
import { listLeads } from '../domain/leads/list-leads.ts'
import { listMessages, listScores, readLead, readLeads } from '../domain/leads/read-lead.ts'
import { sentimentTags } from '../domain/sentiment-tag.ts'
import type { Sql } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { idParams, oneOf, text } from './fields.ts'
import {
  leadDetailSchema,
  leadLinks,
  leadSchema,
  messageSchema,
  scoreSchema,
} from './lead-schemas.ts'
import {
  pageAnswer,
  pageFields,
  pageQuery,
  pageRequest,
  pageSchema,
  timeKeySchema,
} from './pagination.ts'
import { Problem, problemResponses } from './problem.ts'

export interface LeadsDeps {
  store: Sql
  guard: Guard
}

const IDS_MAX = 100
const idsTake = `takes up to ${IDS_MAX} lead ids, separated by commas`

const listQuery = z.strictObject({
  ids: z
    .string(idsTake)
    .refine((text) => {
      const ids = text.split(',')
      return ids.length <= IDS_MAX && ids.every((id) => z.guid().safeParse(id).success)
    }, idsTake)
    .optional()
    .meta({
      description:
        'These leads, up to 100 ids separated by commas, whatever the filters and the order say',
    }),
  score: oneOf(scoreFilters).default('all').meta({
    description: 'By overall score; `3plus` is 3 and above',
  }),
  channel: oneOf(channels).optional().meta({ description: 'Seen on this channel' }),
  sentiment: oneOf(sentimentTags).optional(),
  q: text(200).optional().meta({
    description:
      'Part of a name, company, e-mail or phone number; of one or two letters or digits: how a word or number begins',
  }),
  sort: oneOf(leadSorts).default('-lastActivity').meta({ description: '`-`: descending' }),
  ...pageFields,
})

/** A cursor belongs to the order it was made in. */
function leadKeySchema(sort: LeadSort): z.ZodType<LeadKey> {
  return z
    .strictObject({ sort: z.literal(sort), keys: z.array(z.string()), id: z.guid() })
    .refine((key) => fitsSort(sort, key))
}

const scoreKeySchema = z.int().min(0)
const tags = ['Leads']
const lead404 = problemResponses('validation', 'unauthorized', 'forbidden', 'not-found')

export const leadsRoutes: FastifyPluginAsyncZod<{ deps: LeadsDeps }> = async (app, { deps }) => {
  const { store, guard } = deps
  const onRequest = guard.requireRole('viewer')

  app.route({
    method: 'GET',
    url: '/api/v1/leads',
    onRequest,
    schema: {
      tags,
      summary: 'List leads with their scores',
      querystring: listQuery,
      response: {
        200: pageSchema(leadSchema),
        ...problemResponses('validation', 'unauthorized', 'forbidden'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const ids = request.query.ids?.toLowerCase().split(',')
      if (ids) return { items: await readLeads(store, { workspaceId, ids }), nextCursor: null }
      const { score, channel = null, sentiment = null, q = null, sort } = request.query
      const query = { workspaceId, score, channel, sentiment, q, sort }
      const page = await listLeads(store, query, pageRequest(request.query, leadKeySchema(sort)))
      return pageAnswer({ rows: page.rows, next: page.next && { sort, ...page.next } })
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/leads/:id',
    onRequest,
    schema: {
      tags,
      summary: 'One lead with its identities',
      params: idParams,
      response: { 200: leadDetailSchema, ...lead404 },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const lead = await readLead(store, { workspaceId, leadId: request.params.id })
      if (!lead) throw new Problem('not-found')
      return { ...lead, links: leadLinks(lead.id) }
    },
  })
  addHistory(app, deps)
}

function addHistory(app: Parameters<typeof leadsRoutes>[0], { store, guard }: LeadsDeps): void {
  const onRequest = guard.requireRole('viewer')

  app.route({
    method: 'GET',
    url: '/api/v1/leads/:id/messages',
    onRequest,
    schema: {
      tags,
      summary: 'Messages of a lead on all channels, newest first',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageSchema(messageSchema), ...lead404 },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const lead = { workspaceId, leadId: request.params.id }
      const page = await listMessages(store, lead, pageRequest(request.query, timeKeySchema))
      if (!page) throw new Problem('not-found')
      return pageAnswer(page)
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/leads/:id/scores',
    onRequest,
    schema: {
      tags,
      summary: 'Score history of a lead, newest first',
      params: idParams,
      querystring: pageQuery,
      response: { 200: pageSchema(scoreSchema), ...lead404 },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const lead = { workspaceId, leadId: request.params.id }
      const page = await listScores(store, lead, pageRequest(request.query, scoreKeySchema))
      if (!page) throw new Problem('not-found')
      return pageAnswer(page)
    },
  })
}
