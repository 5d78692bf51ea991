/** The simulation inside of the service: real intake, real jobs, real scores; only the model is a fake. */
import * as assert from 'uvu/assert'
import {
  countDemoLeads,
  readSimulation,
  removeDemoLeads,
  startSimulation,
} from '../../src/domain/simulation.ts'
import { composeSimulation, simulationPlayer } from '../../src/simulate/play.ts'
import { type LlmApp, llmApp } from '../support/llm-app.ts'
import { suite } from '../support/suite.ts'
import { until } from '../support/until.ts'

const test = suite('simulation in the service')
let llm: LlmApp
test.before(async () => {
  llm = await llmApp()
})
test.after(() => llm.close())

function player() {
  const errors: unknown[] = []
  const made = simulationPlayer({
    store: llm.database,
    intake: llm.app.intake,
    publicUrl: () => 'https://scores.example.com',
    log: { error: (details) => errors.push(details) },
  })
  return { ...made, errors }
}

async function start(options: { leads: number; rate: number; seconds: number }) {
  const deliveries = composeSimulation(options)
  const workspaceId = llm.workspace.id
  const runId = await startSimulation(llm.database, { workspaceId, webhooks: deliveries.length })
  assert.ok(runId)
  return { workspaceId, runId, deliveries }
}

test('plays to its end, marks every lead it made, and each gets its score', async () => {
  const { play, errors } = player()
  const simulation = await start({ leads: 12, rate: 40, seconds: 1 })
  play(simulation)
  const { workspaceId } = simulation
  const ended = await until(
    () => readSimulation(llm.database, workspaceId),
    (state) => state?.state !== 'running',
  )
  assert.equal(errors, [])
  assert.is(ended?.state, 'done')
  assert.is(ended?.sent, 40)
  assert.is(ended?.failed, 0)
  const counted = await until(
    () => countDemoLeads(llm.database, workspaceId),
    ({ leads, scored }) => leads === scored,
  )
  const all = await llm.database.query('select 1 from lead')
  assert.is(counted.leads, all.length)
  assert.ok(all.length > 3)
})

test('is removed with everything it left', async () => {
  const { id } = llm.workspace
  assert.ok((await removeDemoLeads(llm.database, id, llm.jobs.forgetLead)) > 3)
  for (const table of ['lead', 'message', 'score_event', 'lead_identity', 'pgboss.job']) {
    assert.equal(await llm.database.query(`select 1 from ${table}`), [], table)
  }
})

test('ends with the service, and says so', async () => {
  const { play, stop, errors } = player()
  const simulation = await start({ leads: 5, rate: 1, seconds: 300 })
  play(simulation)
  await stop()
  const ended = await readSimulation(llm.database, simulation.workspaceId)
  assert.is(ended?.state, 'stopped')
  assert.equal(errors, [])
})

test.run()
