/** Job health: the workspace's jobs, their figures, and bringing back what failed. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import { listParked } from '../domain/leads/list-parked.ts'
import type { Store } from '../domain/sql.ts'
import { storableText } from '../domain/text/storable-text.ts'
import { type JobBoard, jobStates } from '../job-board.ts'
import { queueNames } from '../job-queues.ts'
import { REDRIVE_MAX } from '../job-returns.ts'
import type { Guard } from './auth.ts'
import { id, idParams, oneOf, text, time } from './fields.ts'
import {
  pageAnswer,
  pageFields,
  pageQuery,
  pageRequest,
  pageSchema,
  timeKeySchema,
} from './pagination.ts'
import { Problem, problemResponses } from './problem.ts'

export interface JobsDeps {
  store: Store
  guard: Guard
  jobBoard: JobBoard
}

/** Longer than any that is kept. */
const ERROR_CHARACTERS_MAX = 20_000

const type = z.enum(queueNames)
const jobType = z.enum(queueNames, `takes one of ${queueNames.join(', ')}`)
const state = z.enum(jobStates)
const jobSchema = z
  .strictObject({
    id,
    type,
    state: state.meta({
      description:
        '`retrying`: tried in vain, comes again at dueAt; `failed`: attempts used up, kept for 14 days',
    }),
    leadId: id,
    messageId: id.nullable().meta({ description: 'null: the job is about the lead' }),
    attempts: z.int().meta({ description: 'Begun so far' }),
    error: z.string().nullable().meta({ description: 'Why the last attempt failed' }),
    createdAt: time,
    dueAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
  })
  .meta({ id: 'Job' })

const statsSchema = z
  .strictObject({
    counts: z.array(
      z.strictObject({ type, state, count: z.int(), oldestAt: time, oldestAgeMs: z.int() }),
    ),
    throughput: z
      .array(z.strictObject({ type, from: time, completed: z.int() }))
      .meta({ description: 'Jobs completed per bucket in the last hour; empty ones left out' }),
    ages: z
      .array(z.strictObject({ type, from: time, oldestMs: z.number() }))
      .meta({ description: 'Age that the oldest unfinished job had reached, per bucket' }),
    bucketMinutes: z.int(),
    failures: z
      .array(z.strictObject({ type, error: z.string(), count: z.int(), newestAt: time }))
      .meta({ description: 'Failed jobs by error, most frequent first' }),
  })
  .meta({ id: 'JobStats' })

const parkedSchema = z
  .strictObject({
    leadId: id,
    leadName: z.string().nullable(),
    error: z.string().nullable(),
    parkedAt: time,
  })
  .meta({ id: 'ParkedLead' })

const listQuery = z.strictObject({
  type: jobType.optional(),
  state: oneOf(jobStates).optional(),
  leadId: z.guid('takes a UUID').toLowerCase().optional(),
  error: text(200).optional().meta({ description: 'Part of the error' }),
  ...pageFields,
})
const statsQuery = z.strictObject({
  bucketMinutes: z.coerce.number().int().min(1).max(60).default(5),
})
const redriveBody = z
  .strictObject({
    type: jobType.optional(),
    error: z
      .string('takes a text')
      .overwrite(storableText)
      .max(ERROR_CHARACTERS_MAX)
      .optional()
      .meta({
        description:
          'Only what failed with exactly this error, as `failures` of the figures names it',
      }),
  })
  .nullish()
  .meta({ id: 'RedriveJobs' })
const tags = ['Jobs']
const readProblems = problemResponses('validation', 'unauthorized', 'forbidden')

export const jobsRoutes: FastifyPluginAsyncZod<{ deps: JobsDeps }> = async (app, { deps }) => {
  const { store, guard, jobBoard } = deps
  const onRequest = guard.requireRole('viewer')

  app.route({
    method: 'GET',
    url: '/api/v1/jobs',
    onRequest,
    schema: {
      tags,
      summary: 'List jobs, newest first',
      querystring: listQuery,
      response: { 200: pageSchema(jobSchema), ...readProblems },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const { type = null, state = null, leadId = null, error = null } = request.query
      const query = { workspaceId, type, state, leadId, error }
      return pageAnswer(await jobBoard.list(query, pageRequest(request.query, timeKeySchema)))
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/jobs/stats',
    onRequest,
    schema: {
      tags,
      summary: 'Jobs by type and state, throughput and ages of the last hour, failures by error',
      querystring: statsQuery,
      response: { 200: statsSchema, ...readProblems },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      const { bucketMinutes } = request.query
      const { counts, ...stats } = await jobBoard.stats(workspaceId, bucketMinutes)
      const now = Date.now()
      const aged = counts.map((count) => ({
        ...count,
        oldestAgeMs: Math.max(0, now - count.oldestAt.getTime()),
      }))
      return { counts: aged, ...stats, bucketMinutes }
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/jobs/parked',
    onRequest,
    schema: {
      tags,
      summary: 'List leads whose scoring gave up, latest first',
      querystring: pageQuery,
      response: { 200: pageSchema(parkedSchema), ...readProblems },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      return pageAnswer(
        await listParked(store, workspaceId, pageRequest(request.query, timeKeySchema)),
      )
    },
  })
  addRetries(app, deps)
}

function addRetries(
  app: Parameters<typeof jobsRoutes>[0],
  { store, guard, jobBoard }: JobsDeps,
): void {
  const onRequest = guard.requireRole('member')

  app.route({
    method: 'POST',
    url: '/api/v1/jobs/:id/retry',
    onRequest,
    schema: {
      tags,
      summary: 'Make a waiting, retrying or failed job due now, and unpark its lead',
      params: idParams,
      response: {
        202: z.strictObject({ status: z.literal('due') }),
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found', 'conflict'),
      },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const job = { workspaceId: who.workspaceId, jobId: request.params.id }
      const status = await store.transaction(async (tx) => {
        const retried = await jobBoard.retry(tx, job)
        if (retried === 'due') await audit(tx, who, { action: 'job.retry', targetId: job.jobId })
        return retried
      })
      if (status === null) throw new Problem('not-found')
      if (status !== 'due') throw new Problem('conflict', { detail: `The job is ${status}` })
      return reply.code(202).send({ status })
    },
  })

  app.route({
    method: 'POST',
    url: '/api/v1/jobs/redrive',
    onRequest,
    schema: {
      tags,
      summary: `Bring failed jobs and parked leads back, up to ${REDRIVE_MAX} of each per call`,
      body: redriveBody,
      response: {
        202: z.strictObject({
          jobs: z.int().meta({ description: 'Failed jobs that are due again' }),
          leads: z.int().meta({ description: 'Leads that are parked no more' }),
        }),
        ...readProblems,
      },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const { type = null, error = null } = request.body ?? {}
      const done = await store.transaction(async (tx) => {
        const { workspaceId } = who
        const redriven = await jobBoard.redrive(tx, { workspaceId, type, error })
        await audit(tx, who, {
          action: 'job.redrive',
          targetId: null,
          detail: { type, ...redriven },
        })
        return redriven
      })
      return reply.code(202).send(done)
    },
  })
}
