/** The short form of `npm run chaos:feed`, on the storage of the test run. */
import * as assert from 'uvu/assert'
import { openDatabase } from '../../src/database.ts'
import { silentLog, storage, testStorage } from '../support/database.ts'
import { suite } from '../support/suite.ts'
import { belongings } from './belongings.ts'
import { feedProof } from './feed-proof.ts'
import { faults } from './feed-truth.ts'

/** Far above what it takes: a machine that is busy elsewhere is no fault of the feed. */
const LIMIT_MS = 600_000
const test = suite('feed proof', LIMIT_MS)
const owned = belongings()
test.after(owned.end)

test('clients cut off again and again, the service killed: nobody misses or repeats a score', async () => {
  const { databaseUrl, dataDir, remove } = await testStorage()
  owned.add(remove)
  const outcome = await feedProof({
    place: {
      storage,
      databaseUrl,
      env: databaseUrl ? { DATABASE_URL: databaseUrl } : {},
      dataDir: () => dataDir,
      open: () => openDatabase({ databaseUrl, dataDir, log: silentLog, poolMax: 2 }),
      remove,
    },
    clients: 24,
    drops: 3,
    kills: 1,
    writers: 8,
    gapMs: 250,
    leadsPerWriter: 2,
    // The embedded database shares its one processor with everything else.
    pauseMs: storage === 'pglite' ? 3000 : 1000,
    processes: 1,
    seed: 7,
    limitMs: LIMIT_MS / 3,
    belongings: owned,
    say: () => undefined,
  })
  assert.equal(outcome.findings, [])
  for (const fault of faults) assert.is(outcome[fault], 0, fault)
  assert.equal([outcome.clients, outcome.drops, outcome.kills], [24, 72, 1])
  assert.ok(outcome.applied > outcome.clients, `${outcome.applied} events applied`)
})

test.run()
