/**
 * Fuzzing of the whole server: every route with any query, body, headers and id, by somebody who may
 * do everything; and webhooks into a real intake and database. Nothing may answer 5xx.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { providerNames } from '../../src/domain/channels/inbound-event.ts'
import { providers } from '../../src/domain/channels/registry.ts'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { type Connected, type FrontDoor, openFrontDoor } from '../support/front-door.ts'
import { insertLead } from '../support/lead-rows.ts'
import { routeTable } from '../support/route-table.ts'
import { anyBody, anyText, anything } from './inputs.ts'
import { assertUnpolluted, type Part } from './parts.ts'

export interface FuzzedServer {
  parts: Part[]
  /** Answers by status. */
  statuses: Map<string, number>
  close(): Promise<void>
}

/** Those that stay open, and the one that makes a workspace for each sound name. */
const LEFT_OUT = ['GET /api/v1/feed/sse', 'POST /api/v1/jobs/drain']
const routes = Object.keys(routeTable).filter((name) => !LEFT_OUT.includes(name))
const queryNames = [
  'limit',
  'cursor',
  'q',
  'score',
  'channel',
  'sentiment',
  'sort',
  'state',
  'type',
  'leadId',
  'error',
  'status',
  'groupBy',
  'from',
  'to',
  'sinceSeq',
  'epoch',
  'minOverall',
  'bucketMinutes',
  '__proto__',
]
const bodyNames = [
  'name',
  'role',
  'channel',
  'provider',
  'signature',
  'apiKey',
  'apiBaseUrl',
  'companyName',
  'quietMs',
  'maxWaitMs',
  'qualificationQuestions',
  'monthlyAiBudgetUsd',
  'clayWebhookUrl',
  'reason',
  'scope',
  'dryRun',
  'ratePerSecond',
  'type',
  'leadId',
  'settings',
  '__proto__',
  'constructor',
]
const requestAbout = (known: string) =>
  fc.record({
    route: fc.constantFrom(...routes),
    id: fc.oneof(
      fc.constant(known),
      fc.uuid(),
      anyText.map((text) => text.slice(0, 80)),
    ),
    query: fc.dictionary(
      fc.oneof(fc.constantFrom(...queryNames), fc.string()),
      fc.oneof(anyText, fc.integer().map(String)),
      { maxKeys: 4 },
    ),
    body: fc.oneof(
      fc
        .dictionary(fc.constantFrom(...bodyNames), anything, { maxKeys: 5 })
        .map((body) => JSON.stringify(body)),
      anyBody.map((body) => body.toString('utf8')),
    ),
    type: fc.constantFrom(
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded',
      '',
    ),
    headers: fc.dictionary(
      fc.constantFrom(
        'x-workspace-id',
        'accept',
        'origin',
        'x-forwarded-for',
        'if-none-match',
        'content-encoding',
      ),
      fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\x20-\x7e]/g, '')),
      { maxKeys: 2 },
    ),
  })

export async function fuzzedServer(): Promise<FuzzedServer> {
  const api = await testApi()
  const { id: workspaceId, tokens } = await testWorkspace(api, 'Fuzzed')
  const leadId = await insertLead(api.database, { workspaceId, messageSeq: 1 })
  const door = await openFrontDoor({ runsJobs: false })
  const statuses = new Map<string, number>()
  const seen = (status: number) => {
    const name = String(status)
    statuses.set(name, (statuses.get(name) ?? 0) + 1)
  }
  return {
    statuses,
    parts: [routesPart(api, { token: tokens.admin, leadId }, seen), await webhooksPart(door, seen)],
    async close() {
      await api.close()
      await door.close()
    },
  }
}

function routesPart(
  api: TestApi,
  { token, leadId }: { token: string; leadId: string },
  seen: (status: number) => void,
): Part {
  const request = requestAbout(leadId)

  const property = fc.asyncProperty(request, async ({ route, id, query, body, type, headers }) => {
    const [method = '', path = ''] = route.split(' ')
    const part = encodeURIComponent(id.toWellFormed())
    const at = path.replace(/:\w+/g, part)
    const search = new URLSearchParams(
      Object.entries(query).map(([k, v]) => [k.toWellFormed(), v.toWellFormed()]),
    )
    const answer = await api.call(method, `${at}?${search}`, {
      token,
      headers: { ...headers, ...(type && { 'content-type': type }) },
      ...(method !== 'GET' && { body }),
    })
    seen(answer.status)
    assert.ok(
      answer.status < 500,
      `${route} answered ${answer.status}: ${answer.text.slice(0, 300)}`,
    )
    assertUnpolluted()
  })
  return { name: 'routes', percent: 3, property: property as unknown as Part['property'] }
}

async function webhooksPart(door: FrontDoor, seen: (status: number) => void): Promise<Part> {
  const connected: Connected[] = []
  for (const provider of providerNames) {
    for (const channel of providers[provider].channels) {
      connected.push(await door.connect({ channel, provider }))
    }
  }
  const input = fc.record({ index: fc.nat(), body: anyBody })
  const property = fc.asyncProperty(input, async ({ index, body }) => {
    const to = connected[index % connected.length] as Connected
    const answer = await to.post(body)
    seen(answer.status)
    assert.ok(
      answer.status < 500,
      `${to.path} answered ${answer.status}: ${answer.text.slice(0, 300)}`,
    )
    assertUnpolluted()
  })
  return { name: 'webhooks', percent: 3, property: property as unknown as Part['property'] }
}
