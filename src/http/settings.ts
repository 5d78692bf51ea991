/** Workspace settings: what the company sells, to whom, and how its leads are scored. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Principal } from '../domain/access.ts'
import { audit } from '../domain/audit.ts'
import { isPublicUrl } from '../domain/public-address.ts'
import {
  changeSettings,
  readSettings,
  type Settings,
  type SettingsChange,
  type WindowDefaults,
  WindowError,
} from '../domain/settings.ts'
import type { Store, Tx } from '../domain/sql.ts'
import type { Guard } from './auth.ts'
import { integer, optionalText, text, time } from './fields.ts'
import { Problem, problemResponses } from './problem.ts'

export interface SettingsDeps {
  store: Store
  guard: Guard
  /** The instance's SCORING_QUIET_MS and SCORING_MAX_WAIT_MS. */
  window: WindowDefaults
}

const QUIET_MS_MAX = 600_000
const WAIT_MS_MAX = 3_600_000
const TEXT_CHARACTERS_MAX = 20_000
const QUESTIONS_MAX = 50
const QUESTION_CHARACTERS_MAX = 500
const BUDGET_USD_MAX = 1_000_000_000

const questionsTake = `takes a list of at most ${QUESTIONS_MAX} texts`
const budgetTakes = `takes an amount of US dollars from 0 to ${BUDGET_USD_MAX}, or null for no limit`
const urlTakes = 'takes the https URL of a public host, or null'

/** What leads are judged by. */
const judgedBy = {
  companyName: optionalText(TEXT_CHARACTERS_MAX).optional(),
  serviceDescription: optionalText(TEXT_CHARACTERS_MAX).optional(),
  idealCustomerProfile: optionalText(TEXT_CHARACTERS_MAX).optional(),
  qualificationQuestions: z
    .array(text(QUESTION_CHARACTERS_MAX), questionsTake)
    .max(QUESTIONS_MAX, questionsTake)
    .optional(),
}
export const judgedBySchema = z.strictObject(judgedBy)

const changeSchema = z
  .strictObject({
    ...judgedBy,
    quietMs: integer(0, QUIET_MS_MAX).nullable().optional(),
    maxWaitMs: integer(0, WAIT_MS_MAX).nullable().optional(),
    draftsEnabled: z.boolean('takes true or false').optional(),
    monthlyAiBudgetUsd: z
      .number(budgetTakes)
      .min(0, budgetTakes)
      .max(BUDGET_USD_MAX, budgetTakes)
      .nullable()
      .optional(),
    clayWebhookUrl: z
      .string(urlTakes)
      .max(2000, urlTakes)
      .refine(isPublicUrl, urlTakes)
      .nullable()
      .optional(),
  })
  .meta({ id: 'ChangeSettings', description: 'Only the given fields change' })

const windowNote = 'null: the default of the instance, see `effective`'
const settingsSchema = z
  .strictObject({
    companyName: z.string().nullable(),
    serviceDescription: z.string().nullable(),
    idealCustomerProfile: z.string().nullable(),
    qualificationQuestions: z.array(z.string()),
    quietMs: z.int().nullable().meta({ description: windowNote }),
    maxWaitMs: z.int().nullable().meta({ description: windowNote }),
    draftsEnabled: z.boolean(),
    monthlyAiBudgetUsd: z.number().nullable().meta({ description: 'null: no limit' }),
    clayWebhookUrl: z.string().nullable(),
    updatedAt: time,
    effective: z
      .strictObject({ quietMs: z.int(), maxWaitMs: z.int() })
      .meta({ description: 'What holds, with the defaults of the instance filled in' }),
  })
  .meta({ id: 'Settings' })
const tags = ['Settings']

export const settingsRoutes: FastifyPluginAsyncZod<{ deps: SettingsDeps }> = async (
  app,
  { deps },
) => {
  const { store, guard, window: defaults } = deps

  app.route({
    method: 'GET',
    url: '/api/v1/settings',
    onRequest: guard.requireRole('viewer'),
    schema: {
      tags,
      summary: 'Settings of the workspace',
      response: {
        200: settingsSchema,
        ...problemResponses('unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const settings = await readSettings(store, guard.principalOf(request).workspaceId)
      return shown(settings, defaults)
    },
  })

  app.route({
    method: 'PUT',
    url: '/api/v1/settings',
    onRequest: guard.requireRole('member'),
    schema: {
      tags,
      summary: 'Change some settings',
      body: changeSchema,
      response: {
        200: settingsSchema,
        ...problemResponses('validation', 'unauthorized', 'forbidden', 'not-found'),
      },
    },
    handler: async (request) => {
      const who = guard.principalOf(request)
      const fields = Object.keys(request.body)
      const settings = await store
        .transaction(async (tx) => {
          const change = request.body as SettingsChange
          await onlyAdminMovesClay(tx, who, change)
          const changed = await changeSettings(tx, who.workspaceId, change, defaults)
          if (changed) {
            const detail = { fields }
            await audit(tx, who, { action: 'settings.update', targetId: null, detail })
          }
          return changed
        })
        .catch((error: unknown) => {
          throw error instanceof WindowError ? windowProblem(error, fields) : error
        })
      return shown(settings, defaults)
    },
  })
}

/** Leads' data goes there, and the service calls it: not for every member to choose. */
async function onlyAdminMovesClay(
  tx: Tx,
  { workspaceId, role }: Principal,
  { clayWebhookUrl }: SettingsChange,
): Promise<void> {
  if (clayWebhookUrl === undefined || role === 'admin') return
  const before = await readSettings(tx, workspaceId)
  // Forms send back what they were shown.
  if (!before || before.clayWebhookUrl === clayWebhookUrl) return
  throw new Problem('forbidden', { detail: 'clayWebhookUrl is changed by an admin' })
}

function shown(settings: Settings | null, defaults: WindowDefaults) {
  // The instance admin may ask before the first workspace exists.
  if (!settings) throw new Problem('not-found', { detail: 'There is no workspace yet' })
  const { quietMs, maxWaitMs } = settings
  return {
    ...settings,
    effective: {
      quietMs: quietMs ?? defaults.quietMs,
      maxWaitMs: maxWaitMs ?? defaults.maxWaitMs,
    },
  }
}

/** Names the field that was sent; of both, the one that must not be the smaller. */
function windowProblem({ effective }: WindowError, fields: string[]): Problem {
  const { quietMs, maxWaitMs } = effective
  const error =
    fields.includes('quietMs') && !fields.includes('maxWaitMs')
      ? { field: 'quietMs', message: `takes at most maxWaitMs, which is ${maxWaitMs}` }
      : { field: 'maxWaitMs', message: `takes at least quietMs, which is ${quietMs}` }
  return new Problem('validation', { errors: [error] })
}
