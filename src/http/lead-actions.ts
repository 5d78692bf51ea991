/** What people do to a lead: ask for a new score, disqualify, take that back, take a copy, erase. */
import { Readable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Principal } from '../domain/access.ts'
import { type AuditAction, audit } from '../domain/audit.ts'
import { askForRescore, disqualify, requalify } from '../domain/disqualification.ts'
import { eraseLead, type ForgetJobs } from '../domain/leads/erase-lead.ts'
import { exportLead } from '../domain/leads/export-lead.ts'
import { type LeadDetail, type LeadRef, readLead } from '../domain/leads/read-lead.ts'
import type { Page, TimeKey } from '../domain/page.ts'
import type { Store, Tx } from '../domain/sql.ts'
import type { JobBoard, JobRow } from '../job-board.ts'
import type { Guard } from './auth.ts'
import { idParams, text, time } from './fields.ts'
import { leadDetailSchema, leadLinks } from './lead-schemas.ts'
import { Problem, problemResponses } from './problem.ts'

export interface LeadActionsDeps {
  store: Store
  guard: Guard
  log: Pick<FastifyBaseLogger, 'warn'>
  /** Sends scoring jobs, after the change that made them due has committed. */
  scoreSoon(leads: LeadRef[]): Promise<void>
  forgetJobs: ForgetJobs
  jobBoard: Pick<JobBoard, 'list'>
}

const disqualifySchema = z.strictObject({ reason: text(200) }).meta({ id: 'DisqualifyLead' })
const tags = ['Leads']
const problems = problemResponses('validation', 'unauthorized', 'forbidden', 'not-found')
const accepted = { 202: leadDetailSchema, ...problems }

export const leadActionsRoutes: FastifyPluginAsyncZod<{ deps: LeadActionsDeps }> = async (
  app,
  { deps },
) => {
  const { guard } = deps
  const onRequest = guard.requireRole('member')
  const leadOf = (request: { params: { id: string } }): LeadRef => ({
    workspaceId: guard.principalOf(request).workspaceId,
    leadId: request.params.id,
  })

  app.route({
    method: 'POST',
    url: '/api/v1/leads/:id/rescore',
    onRequest,
    schema: {
      tags,
      summary: 'Ask for a new score; also unparks a lead whose scoring gave up',
      params: idParams,
      response: accepted,
    },
    handler: async (request, reply) => {
      const lead = leadOf(request)
      const who = guard.principalOf(request)
      const work = (tx: Tx) => askForRescore(tx, lead)
      return reply.code(202).send(await change(deps, who, lead, 'lead.rescore', work))
    },
  })

  app.route({
    method: 'POST',
    url: '/api/v1/leads/:id/disqualify',
    onRequest,
    schema: {
      tags,
      summary: 'Disqualify a lead: scored 1/1/1 and shown to no model any more',
      params: idParams,
      body: disqualifySchema,
      response: accepted,
    },
    handler: async (request, reply) => {
      const lead = leadOf(request)
      const who = guard.principalOf(request)
      const { reason } = request.body
      const work = (tx: Tx) => disqualify(tx, { ...lead, reason, by: 'person' })
      return reply.code(202).send(await change(deps, who, lead, 'lead.disqualify', work))
    },
  })

  app.route({
    method: 'POST',
    url: '/api/v1/leads/:id/requalify',
    onRequest,
    schema: {
      tags,
      summary: 'Take a disqualification back, whoever made it',
      params: idParams,
      response: accepted,
    },
    handler: async (request, reply) => {
      const lead = leadOf(request)
      const who = guard.principalOf(request)
      const work = (tx: Tx) => requalify(tx, lead)
      return reply.code(202).send(await change(deps, who, lead, 'lead.requalify', work))
    },
  })
  addErase(app, deps)
  addExport(app, deps)
}

/** Runs the change, then sends the scoring job that it made due. Changing nothing is no error. */
async function change(
  deps: LeadActionsDeps,
  who: Principal,
  lead: LeadRef,
  action: AuditAction,
  work: (tx: Tx) => Promise<boolean>,
): Promise<LeadDetail & { links: ReturnType<typeof leadLinks> }> {
  const { changed, detail } = await deps.store.transaction(async (tx) => {
    const changed = await work(tx)
    const detail = await readLead(tx, lead)
    if (changed) await audit(tx, who, { action, targetId: lead.leadId })
    return { changed, detail }
  })
  if (!detail) throw new Problem('not-found')
  if (changed) {
    // The change is stored and the lead is due: recovery finds it should the sending fail.
    await deps.scoreSoon([lead]).catch((error: unknown) => {
      deps.log.warn({ err: error, leadId: lead.leadId }, 'scoring job not sent')
    })
  }
  return { ...detail, links: leadLinks(lead.leadId) }
}

function addErase(
  app: Parameters<typeof leadActionsRoutes>[0],
  { store, guard, forgetJobs }: LeadActionsDeps,
): void {
  app.route({
    method: 'DELETE',
    url: '/api/v1/leads/:id',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'Erase the person: lead, messages, scores, drafts, jobs and rejected deliveries',
      params: idParams,
      response: { 204: z.undefined().describe('Erased'), ...problems },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const lead = { workspaceId: who.workspaceId, leadId: request.params.id }
      const erased = await store.transaction(async (tx) => {
        const done = await eraseLead(tx, lead, forgetJobs)
        if (done) await audit(tx, who, { action: 'lead.erase', targetId: lead.leadId })
        return done
      })
      if (!erased) throw new Problem('not-found')
      return reply.code(204).send()
    },
  })
}

const exportSchema = z
  .looseObject({
    exportedAt: time,
    lead: z.looseObject({}).meta({ description: 'As `GET /api/v1/leads/:id`' }),
    messages: z.array(z.looseObject({})).meta({ description: 'With what the provider sent' }),
    scores: z.array(z.looseObject({})),
    drafts: z.array(z.looseObject({})),
    aiCalls: z.array(z.looseObject({})),
    jobs: z.array(z.looseObject({})),
    auditEvents: z.array(z.looseObject({})),
    rejectedDeliveries: z.array(z.looseObject({})).meta({
      description: 'Deliveries that were not understood and name the person, as text',
    }),
  })
  .meta({ id: 'LeadExport' })

function addExport(
  app: Parameters<typeof leadActionsRoutes>[0],
  { store, guard, jobBoard }: LeadActionsDeps,
): void {
  app.route({
    method: 'GET',
    url: '/api/v1/leads/:id/export',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'Everything that is stored about the person, as one JSON document',
      params: idParams,
      response: { 200: exportSchema, ...problems },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const lead = { workspaceId: who.workspaceId, leadId: request.params.id }
      const pieces = await exportLead(store, lead, {
        now: new Date(),
        jobs: jobsOf(jobBoard, lead),
      })
      if (!pieces) throw new Problem('not-found')
      if (request.method === 'GET') {
        await audit(store, who, { action: 'lead.export', targetId: lead.leadId })
      }
      const name = `lead-${lead.leadId}.json`
      reply.header('content-disposition', `attachment; filename="${name}"`)
      return reply.type('application/json').send(Readable.from(pieces) as never)
    },
  })
}

async function* jobsOf(jobBoard: Pick<JobBoard, 'list'>, lead: LeadRef): AsyncGenerator<object> {
  const query = { ...lead, type: null, state: null, error: null }
  let after: TimeKey | null = null
  do {
    const page: Page<JobRow, TimeKey> = await jobBoard.list(query, { limit: 100, after })
    yield* page.rows
    after = page.next
  } while (after)
}
