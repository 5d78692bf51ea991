/** Backfill: what a run would score, starting one, and how far it is. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { audit } from '../domain/audit.ts'
import {
  type Backfill,
  backfillScopes,
  backfillStates,
  previewBackfill,
  readBackfill,
  runningBackfill,
  startBackfill,
} from '../domain/backfill.ts'
import type { Store } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { id, idParams, integer, oneOf, time } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'

export interface BackfillDeps {
  store: Store
  guard: Guard
  /** A run was started: whoever works through runs need not wait for the next look. */
  backfillSoon(): void
}

/** A run sends at most a page of this many each second when it keeps to a rate. */
const RATE_MAX = 1000

const startSchema = z
  .strictObject({
    scope: oneOf(backfillScopes).meta({
      description: '`unscored`: leads without a score; `all`: every lead; both: something inbound',
    }),
    dryRun: z.boolean('takes true or false').default(true).meta({
      description: 'true: only say what would be done',
    }),
    ratePerSecond: integer(1, RATE_MAX).nullable().default(null).meta({
      description: 'Scoring jobs sent per second; null: as fast as the database takes them',
    }),
  })
  .meta({ id: 'StartBackfill' })

const previewSchema = z
  .strictObject({
    dryRun: z.literal(true),
    scope: z.enum(backfillScopes),
    total: z.int().meta({ description: 'Leads that would be scored' }),
    disqualified: z.int().meta({ description: 'Of those: scored 1 without a call' }),
  })
  .meta({ id: 'BackfillPreview' })

const backfillSchema = z
  .strictObject({
    dryRun: z.literal(false),
    id,
    scope: z.enum(backfillScopes),
    state: z.enum(backfillStates).meta({ description: '`done`: every scoring job has been sent' }),
    ratePerSecond: z.int().nullable(),
    total: z.int().meta({ description: 'Leads to be scored when it began' }),
    enqueued: z.int().meta({ description: 'Leads whose scoring job has been sent' }),
    disqualified: z.int().meta({ description: 'Of those: scored 1 without a call' }),
    leadsWaiting: z.int().meta({
      description: 'Leads of the workspace that wait for a score just now, for whatever reason',
    }),
    createdAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Backfill' })
const tags = ['Backfill']

export const backfillRoutes: FastifyPluginAsyncZod<{ deps: BackfillDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard } = deps

  app.route({
    method: 'POST',
    url: '/api/v1/backfill',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'Score what has no score, or everything again, behind live messages',
      description:
        'A dry run unless `dryRun` is false. Sends scoring jobs and returns; a run goes on after a ' +
        'restart. While one of the same scope is running it is answered, no second one started.',
      body: startSchema,
      response: {
        200: previewSchema,
        202: backfillSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found', 'conflict'),
      },
    },
    handler: async (request, reply) => {
      const who = guard.principalOf(request)
      const { workspaceId } = who
      const { scope, dryRun, ratePerSecond } = request.body
      if (dryRun) {
        const preview = await previewBackfill(store, { workspaceId, scope })
        return reply.code(200).send({ dryRun, scope, ...preview })
      }
      const started = await store.transaction(async (tx) => {
        const what = { workspaceId, scope, ratePerSecond, createdBy: who.actor }
        const run = await startBackfill(tx, what)
        const detail = { scope, total: run?.total }
        if (run) await audit(tx, who, { action: 'backfill.start', targetId: run.id, detail })
        return run
      })
      const run = started ?? (await runningBackfill(store, workspaceId))
      if (!run) throw new Problem('conflict', { detail: 'A run has just ended: ask again' })
      if (run.scope !== scope) {
        throw new Problem('conflict', {
          detail: `Run ${run.id} of scope ${run.scope} is under way; ask again when it is done`,
        })
      }
      deps.backfillSoon()
      return reply.code(202).send(await shown(run))
    },
  })

  app.route({
    method: 'GET',
    url: '/api/v1/backfill/:id',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'How far a run is',
      params: idParams,
      response: {
        200: backfillSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const { workspaceId } = guard.principalOf(request)
      return shown({ workspaceId, id: request.params.id })
    },
  })

  async function shown(of: Pick<Backfill, 'workspaceId' | 'id'>) {
    const run = await readBackfill(store, of)
    if (!run) throw new Problem('not-found')
    const { scope, state, ratePerSecond, total, enqueued, disqualified, leadsWaiting } = run
    const counts = { total, enqueued, disqualified, leadsWaiting }
    const { createdAt, finishedAt } = run
    return {
      dryRun: false as const,
      id: run.id,
      scope,
      state,
      ratePerSecond,
      ...counts,
      createdAt,
      finishedAt,
    }
  }
}
