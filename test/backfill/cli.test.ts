/** `backfill` as a person runs it: a real child process against the real service. */
import * as assert from 'uvu/assert'
import { command } from '../support/command.ts'
import { type TestStorage, testStorage } from '../support/database.ts'
import { type Service, startService } from '../support/service.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('backfill command')
let place: TestStorage
let service: Service

test.before(async () => {
  place = await testStorage()
  const { dataDir, databaseUrl } = place
  service = await startService({
    DATA_DIR: dataDir,
    SCORING_QUIET_MS: '20',
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
  })
  for (const n of [1, 2, 3]) {
    const answer = await fetch(service.webhooks.email ?? '', {
      method: 'POST',
      body: JSON.stringify({
        externalId: `m${n}`,
        body: 'What would it cost for 40 seats?',
        lead: { email: `lead${n}@harlow.example` },
      }),
    })
    assert.is(answer.status, 200)
  }
  await until(scores, (all) => all.length === 3 && all.every(({ overallScore }) => overallScore))
})
test.after(async () => {
  await service.end('SIGTERM')
  await place.remove()
})

interface Lead {
  overallScore: number | null
  messageSeq: number
  scoredSeq: number
}
const scores = async () => (await service.api<{ items: Lead[] }>('GET', '/api/v1/leads')).items

const backfill = (...args: string[]) =>
  command(['backfill', '--url', service.url, '--token', service.adminToken, ...args])

test('without --run it says what would be done and does nothing', async () => {
  const none = await backfill()
  assert.match(none.out, 'Unscored leads with a message: 0')
  const all = await backfill('--scope', 'all')
  assert.is(all.code, 0, all.err)
  assert.match(all.out, 'All leads with a message: 3 (3 by the scorer, 0 disqualified')
  assert.match(all.out, 'dry run')
  assert.ok((await scores()).every(({ messageSeq }) => messageSeq === 1))
})

test('--json leaves standard output to the answer', async () => {
  const { code, out, err } = await backfill('--json', '--scope', 'all')
  assert.is(code, 0)
  assert.equal(JSON.parse(out), { scope: 'all', dryRun: true, total: 3, disqualified: 0 })
  assert.match(err, 'dry run')
})

test('--run shows how far it is and every lead is scored again', async () => {
  const { code, out, err } = await backfill('--scope', 'all', '--run', '--rate', '2')
  assert.is(code, 0, err)
  assert.match(out, 'sent 3/3')
  assert.match(out, 'Sent 3 scoring jobs')
  const again = ({ messageSeq, scoredSeq }: Lead) => messageSeq === 2 && scoredSeq === 2
  await until(scores, (all) => all.every(again))
})

test('a mistake is one line that says what is taken', async () => {
  const wrong = await backfill('--rate', '0')
  assert.is(wrong.code, 1)
  assert.match(wrong.err, 'takes a whole number from 1 to 1000')
  const stranger = await backfill('--token', 'not-a-token-of-this-service')
  assert.is(stranger.code, 1)
  assert.match(stranger.err, '--token: refused')
})

test.run()
