/** Database, jobs and actors with the real LLM client on a fake OpenAI server: the whole job path. */
import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { type App, startApp } from '../../src/actors/app.ts'
import { type OpenAiScorerOptions, openaiScorer } from '../../src/clients/openai.ts'
import type { Database } from '../../src/database.ts'
import { type AiBudget, aiBudget } from '../../src/domain/ai/budget.ts'
import { generic } from '../../src/domain/channels/generic.ts'
import { budgetedScorer } from '../../src/domain/scoring/budgeted-scorer.ts'
import { rulesScorer } from '../../src/domain/scoring/rules-scorer.ts'
import type { MadeWorkspace } from '../../src/domain/workspaces.ts'
import { type Jobs, openJobs } from '../../src/jobs.ts'
import type { Log } from '../../src/log.ts'
import { silentLog, testDatabase } from './database.ts'
import { makeWorkspace } from './events.ts'
import { type FakeOpenAi, fakeOpenAi } from './fake-openai.ts'
import { until } from './until.ts'

/** Before the end of gpt-5-nano, whenever the test runs. */
const DAY_MS = Date.UTC(2026, 10, 24, 10)

export interface LlmApp {
  database: Database
  jobs: Jobs
  app: App
  fake: FakeOpenAi
  workspace: MadeWorkspace
  /** Budgets that ran out or were raised, in order. */
  budgetChanges: { workspaceId: string; paused: boolean }[]
  /** What was read of budgets is now too old to serve. */
  ageBudgets(): void
  /** A message of this person, through the intake to its commit. */
  say(email: string, body: string, to?: MadeWorkspace): Promise<void>
  /** New actors with a new client: no pause of the gate, no open circuit, no model known missing. */
  restart(changes?: Partial<OpenAiScorerOptions>): Promise<void>
  close(): Promise<void>
}

export interface LlmAppOptions extends Partial<OpenAiScorerOptions> {
  llmConcurrency?: number
  /** False: as with ROLE=web. */
  runsJobs?: boolean
  /** Of each call to the model. */
  latencyMs?: number
  appLog?: Log
}

export async function llmApp(options: LlmAppOptions = {}): Promise<LlmApp> {
  const database = await testDatabase()
  const jobs = openJobs(database, silentLog)
  await jobs.start()
  const fake = await fakeOpenAi({ latencyMs: options.latencyMs ?? 0 })
  const startedAt = Date.now()
  const workspace = await makeWorkspace(database)
  let passedMs = 0
  const budgetChanges: LlmApp['budgetChanges'] = []
  const budget: AiBudget = aiBudget({
    sql: database,
    now: () => Date.now() + passedMs,
    onChange: (change) => budgetChanges.push(change),
  })
  function start(changes: Partial<OpenAiScorerOptions> = {}): App {
    const model = openaiScorer({
      apiKey: fake.apiKey,
      baseURL: fake.url,
      model: 'gpt-5-nano',
      successor: 'gpt-6-luna',
      timeoutMs: 5000,
      now: () => new Date(DAY_MS + Date.now() - startedAt),
      random: () => randomBytes(16).toString('hex'),
      ...options,
      ...changes,
    })
    return startApp({
      store: database,
      ingest: database.ingest,
      jobs,
      scorer: budgetedScorer({ model, rules: rulesScorer(), budget }),
      budget,
      modelWatch: model,
      log: options.appLog ?? silentLog,
      llmConcurrency: options.llmConcurrency ?? 4,
      scoringHeldMax: 100,
      window: { quietMs: 20, maxWaitMs: 200 },
      callTimeoutMs: options.timeoutMs ?? 5000,
      runsJobs: options.runsJobs ?? true,
      now: Date.now,
      random: Math.random,
    })
  }
  let said = 0
  const llm: LlmApp = {
    database,
    jobs,
    app: start(),
    fake,
    workspace,
    budgetChanges,
    ageBudgets() {
      passedMs += 3_600_000
    },
    async say(email, body, to = workspace) {
      const connection = to.connections.find(({ channel }) => channel === 'email')
      assert.ok(connection)
      const payload = { externalId: `m${++said}`, body, lead: { email } }
      const offer = () =>
        llm.app.intake.accept(
          {
            id: connection.id,
            workspaceId: to.id,
            channel: 'email',
            provider: generic,
            signature: null,
          },
          {
            rawBody: Buffer.from(JSON.stringify(payload)),
            headers: {},
            url: '',
            receivedAt: new Date(),
            connectionId: connection.id,
          },
          { keep: true },
        )
      // A busy ingest refuses, and a sender comes again.
      await until(offer, ({ status }) => status === 'accepted' || status === 'duplicate')
    },
    async restart(changes) {
      await llm.app.stop()
      llm.app = start(changes)
    },
    async close() {
      await llm.app.stop()
      await jobs.stop()
      await database.close()
      await fake.close()
    },
  }
  return llm
}
