/** The language model: the key, the list of models with its shutdown dates, the clock of the endpoint. */
import { readModelList } from '../clients/model-list.ts'
import type { OpenAiConfig } from '../config.ts'
import type { PublishedModels } from '../domain/ai/model-life.ts'
import { daysUntil, shutdownDateOf } from '../domain/scoring/models.ts'
import { type Check, clockCheck } from './check.ts'

const OPENAI = 'https://api.openai.com/v1'
/** There is time to compare the successor. */
const WARN_DAYS = 30
/** The header has whole seconds and may come from a cache. */
const CLOCK_SECONDS = { warning: 10, broken: 300 }

export async function providerChecks(openai: OpenAiConfig | null): Promise<Check[]> {
  if (!openai) {
    const says = 'no OPENAI_API_KEY: the built-in rules score'
    return [{ name: 'model', state: 'ok', says }]
  }
  let date: string | null = null
  let status = 0
  const noting: typeof fetch = async (...args) => {
    const response = await fetch(...args)
    date = response.headers.get('date')
    status = response.status
    return response
  }
  const baseURL = openai.baseUrl ?? OPENAI
  const asked = { baseURL, apiKey: openai.apiKey, fetch: noting }
  const list = await readModelList(asked, new AbortController().signal).catch(
    (error) => error as Error,
  )
  const clocks = date === null ? [] : [clockOf(date)]
  return [
    ...(list instanceof Error ? [noList(list, status, baseURL)] : listed(list, openai)),
    ...clocks,
  ]
}

function noList(error: Error, status: number, baseURL: string): Check {
  const name = 'provider key'
  if (status === 401 || status === 403) {
    const says = `${baseURL} refuses the key (${status})`
    return {
      name,
      state: 'broken',
      says,
      fix: 'Set OPENAI_API_KEY to a valid key of this provider',
    }
  }
  if (status === 404) {
    const says = `${baseURL} has no list of models; nothing is known of the key`
    return { name, state: 'warning', says }
  }
  const cause = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.message
  const says =
    status > 0 ? `${baseURL} answers ${status}` : `${baseURL} cannot be reached (${cause})`
  return {
    name,
    state: 'broken',
    says,
    fix: 'Check OPENAI_BASE_URL and the way there (proxy, firewall)',
  }
}

function listed(list: PublishedModels, { model, successor }: OpenAiConfig): Check[] {
  return [
    { name: 'provider key', state: 'ok', says: `accepted; ${list.size} models` },
    modelCheck('model', model, list, successor),
    ...(successor === model ? [] : [modelCheck('successor', successor, list, null)]),
  ]
}

function modelCheck(
  name: string,
  model: string,
  list: PublishedModels,
  successor: string | null,
): Check {
  const date = shutdownDateOf(model, list)
  const days = date === null ? null : daysUntil(date, new Date())
  const end = days === null ? 'no shutdown announced' : `shutdown ${date}, in ${days} days`
  const stands = successor !== null && list.has(successor)
  const fix = stands
    ? `Set OPENAI_MODEL=${successor} after npm run eval`
    : 'Set OPENAI_MODEL to one of the list'
  if (days !== null && days <= 0) {
    const says = `${model} was shut down on ${date}${stands ? `; ${successor} is used` : ''}`
    return { name, state: stands ? 'warning' : 'broken', says, fix }
  }
  if (!list.has(model)) {
    const says = `${model} is not in the provider's list${stands ? `; ${successor} would be used` : ''}`
    return { name, state: stands ? 'warning' : 'broken', says, fix }
  }
  if (days !== null && days <= WARN_DAYS)
    return { name, state: 'warning', says: `${model}: ${end}`, fix }
  return { name, state: 'ok', says: `${model}: ${end}` }
}

function clockOf(date: string): Check {
  const seconds = (Date.now() - Date.parse(date)) / 1000
  return clockCheck('clock against the provider', seconds, CLOCK_SECONDS)
}
