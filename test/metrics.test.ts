/** What a running service serves at /metrics, and that dashboard, alerts and documents speak of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { makeToken } from '../src/domain/tokens.ts'
import { testStorage } from './support/database.ts'
import { type FakeOpenAi, fakeOpenAi } from './support/fake-openai.ts'
import { type Service, startService } from './support/service.ts'
import { suite } from './support/suite.ts'
import { until } from './support/until.ts'

const test = suite('metrics')
const textOf = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8')
let place: Awaited<ReturnType<typeof testStorage>>
let fake: FakeOpenAi
let service: Service
let text = ''

test.before(async () => {
  place = await testStorage()
  fake = await fakeOpenAi()
  service = await startService({
    DATA_DIR: place.dataDir,
    SCORING_QUIET_MS: '20',
    OPENAI_API_KEY: fake.apiKey,
    OPENAI_BASE_URL: fake.url,
    ...(place.databaseUrl && { DATABASE_URL: place.databaseUrl }),
  })
  const deliver = (url: string, externalId: string) =>
    fetch(url, {
      method: 'POST',
      body: JSON.stringify({
        externalId,
        body: 'What does it cost?',
        lead: { email: 'a@b.example' },
      }),
    })
  const { email = '', sms = '' } = service.webhooks
  for (const id of ['1', '2', '2']) await deliver(email, id)
  await deliver(sms, '3')
  await deliver(email.replace(/[^/]+$/, makeToken().token), '4')
  await until(
    () => service.api<{ items: { state: string }[] }>('GET', '/api/v1/leads'),
    ({ items }) => items[0]?.state === 'scored',
  )
  const answer = await fetch(`${service.url}/metrics`)
  assert.is(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', 'text/plain')
  text = await answer.text()
})
test.after(async () => {
  await service.end('SIGTERM')
  await fake.close()
  await place.remove()
})

/** The value of one series; its labels in any order. */
function value(name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([label, is]) => `${label}="${is}"`)
  const line = text
    .split('\n')
    .find(
      (each) =>
        new RegExp(`^${name}[{ ]`).test(each) && wanted.every((label) => each.includes(label)),
    )
  assert.ok(line, `${name} ${wanted} is not served`)
  return Number(line?.slice(line.lastIndexOf(' ')))
}

test('webhooks are counted by channel and outcome, strangers without a channel', () => {
  const count = (channel: string, outcome: string) =>
    value('leadpulse_webhook_requests_total', { channel, outcome })
  assert.is(count('email', 'accepted'), 2)
  assert.is(count('email', 'duplicate'), 1)
  assert.is(count('sms', 'accepted'), 1)
  assert.is(count('unknown', 'unauthorized'), 1)
  assert.is(value('leadpulse_webhook_acknowledge_seconds_count', { channel: 'email' }), 3)
  assert.ok(value('leadpulse_ingest_group_rows_sum') >= 2)
  assert.is(value('leadpulse_refused_credentials_total', { limited: 'false' }), 1)
})

test('the way to a score is told in its parts, and the parts make the whole', () => {
  const sum = (stage: string) => value('leadpulse_scoring_seconds_sum', { stage })
  for (const stage of ['waiting', 'gate', 'llm', 'commit', 'total']) {
    assert.ok(value('leadpulse_scoring_seconds_count', { stage }) >= 1, stage)
  }
  const parts = sum('waiting') + sum('gate') + sum('llm') + sum('commit')
  assert.ok(parts > 0 && parts <= sum('total') + 0.05, `${parts} of ${sum('total')}`)
})

test('calls, tokens and cost are told by model', () => {
  const scored = fake.calls.filter(({ leadRef }) => leadRef !== null).length
  const model = 'gpt-5-nano'
  assert.ok(scored > 0)
  assert.is(value('leadpulse_llm_calls_total', { feature: 'score', outcome: 'ok' }), scored)
  assert.ok(value('leadpulse_llm_tokens_total', { model, kind: 'input' }) >= scored * 1200)
  assert.ok(value('leadpulse_llm_cost_usd_total', { model }) > 0)
})

test('gate, actors, jobs, feed, event loop and database are looked up', () => {
  assert.is(value('leadpulse_llm_gate', { of: 'limit_max' }), 32)
  assert.is(value('leadpulse_llm_circuit_open'), 0)
  assert.is(value('leadpulse_actors', { actor: 'feed', status: 'running' }), 1)
  assert.ok(value('leadpulse_actor_seen', { actor: 'ingest-email' }) > 0)
  assert.ok(value('leadpulse_feed_clients') === 0)
  assert.is(value('leadpulse_up_database'), 1)
  assert.ok(value('nodejs_eventloop_lag_p99_seconds') > 0)
  if (place.databaseUrl)
    for (const pool of ['main', 'background'])
      assert.is(value('leadpulse_database_pool', { pool, of: 'max' }), 6)
})

test('no label is an id, an address or a secret', () => {
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  assert.ok(series.length > 100)
  for (const line of series) {
    assert.not.match(line, /[0-9a-f]{8}-[0-9a-f]{4}-|b\.example|lp_/)
  }
})

test('through a proxy it takes a token', async () => {
  for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
    const answer = await fetch(`${service.url}/metrics`, { headers: { [name]: '192.0.2.1' } })
    assert.is(answer.status, 401, name)
  }
})

/** Names as they are asked for, with the endings of a histogram. */
function served(): Set<string> {
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  )
}
const namesIn = (expression: string) => expression.match(/\b(leadpulse|nodejs|process)_\w+/g) ?? []

test('the dashboard asks for what is served', () => {
  const { panels } = JSON.parse(textOf('deploy/grafana-dashboard.json')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  const names = served()
  assert.ok(panels.length > 20)
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      assert.ok(namesIn(expr).length > 0, title)
      for (const name of namesIn(expr)) assert.ok(names.has(name), `${title}: ${name}`)
    }
  }
})

test('the alerts ask for what is served', () => {
  const { groups } = parse(textOf('deploy/alerts.yml')) as {
    groups: { rules: { alert: string; expr: string; for: string; annotations: object }[] }[]
  }
  const rules = groups.flatMap((group) => group.rules)
  const names = served()
  assert.ok(rules.length > 10)
  for (const { alert, expr } of rules) {
    for (const name of namesIn(expr)) assert.ok(names.has(name), `${alert}: ${name}`)
    const asked = namesIn(expr).length > 0 || expr.startsWith('up{')
    assert.ok(asked, alert)
  }
})

test('the document names every metric of ours and no other', () => {
  const own = [...text.matchAll(/^# TYPE (leadpulse_\w+) /gm)].map(([, name]) => name)
  const told = [...new Set(textOf('docs/metrics.md').match(/\bleadpulse_\w+/g))]
  assert.equal(told.sort(), own.sort())
})

test.run()
