import * as assert from 'uvu/assert'
import { storage } from '../support/database.ts'
import { suite } from '../support/suite.ts'
import { belongings } from './belongings.ts'
import { pm2Reloads } from './pm2-reloads.ts'

const test = suite('pm2', 300_000)
const owned = belongings()
test.after(owned.end)

test('two reloads under load: no failed request, nobody killed, every message scored', async () => {
  // Two processes at a time: the embedded database cannot.
  if (storage === 'pglite') return
  const outcome = await pm2Reloads({
    reloads: 2,
    // What a busy machine bears; the long form (`npm run chaos:pm2`) sends 100 a second.
    perSecond: 25,
    serverUrl: process.env.TEST_DATABASE_URL as string,
    belongings: owned,
    say: () => undefined,
  })
  assert.equal(outcome.findings, [])
  assert.is(outcome.messages, outcome.requests)
  assert.ok(outcome.requests > 50, `${outcome.requests} requests`)
})

test.run()
