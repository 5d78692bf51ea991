/**
 * What waiting for the rest of a burst saves: `npm run bench:coalescing` (`-- --quick` with a sixth
 * of the stream). The stream of `npm run simulate` goes twice to the real service, with the same
 * seed: once with the default windows, once with SCORING_QUIET_MS=0, which scores each message as it
 * comes. The fake model takes 600 ms and counts a token per four characters of what it was sent,
 * nothing cached. Prints a table and one JSON line.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Table from 'cli-table3'
import { simulate } from '../src/simulate/run.ts'
import { type FakeCall, fakeOpenAi, predictedScores, reply } from '../test/support/fake-openai.ts'
import { type Service, startService } from '../test/support/service.ts'

const quick = process.argv.includes('--quick')
const STREAM = quick
  ? { leads: 12, rate: 1, seconds: 50, seed: 7 }
  : { leads: 40, rate: 2.5, seconds: 60, seed: 7 }
const LATENCY_MS = 600
const CHARACTERS_PER_TOKEN = 4
const OUTPUT_TOKENS = 80
const IDLE_LIMIT_MS = 120_000

interface Usage {
  calls: number
  inputTokens: number
  outputTokens: number
  costUsd: number
  callsWithoutCost: number
}
interface Run {
  /** What moved a lead's `message_seq`: inbound messages, and disqualifications. */
  changes: number
  scoring: Usage
  all: Usage
}

async function measure(windows: NodeJS.ProcessEnv): Promise<Run> {
  const dataDir = mkdtempSync(join(tmpdir(), 'leadpulse-coalescing-'))
  const fake = await fakeOpenAi({
    script: async (call) => {
      await delay(LATENCY_MS)
      return answered(call)
    },
  })
  const running = await startService({
    ...windows,
    DATA_DIR: dataDir,
    OPENAI_API_KEY: fake.apiKey,
    OPENAI_BASE_URL: fake.url,
    LOG_LEVEL: 'silent',
  })
  try {
    const options = { ...STREAM, url: running.url, token: null, replay: false, json: false }
    const output = process.stderr
    const good = await simulate(options, { token: running.adminToken, output, print: () => {} })
    if (!good) throw new Error('a webhook failed or was rejected')
    const changes = await whenScored(running)
    const { groups, total } = await running.api<{
      groups: (Usage & { key: string })[]
      total: Usage
    }>('GET', '/api/v1/ai-usage?groupBy=feature')
    const scoring = groups.find(({ key }) => key === 'lead_scoring.score')
    if (!scoring || total.callsWithoutCost > 0) throw new Error('calls without a cost')
    return { changes, scoring, all: total }
  } finally {
    await running.end('SIGKILL')
    await fake.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function answered(call: FakeCall) {
  const { name } = call.request.text?.format ?? {}
  if (name === 'reply_draft') return undefined
  const text =
    name === 'message_sentiment' ? { sentiment: 'Interested' } : predictedScores(call.transcript)
  const { instructions, input } = call.request
  const characters = JSON.stringify(input).length + String(instructions).length
  const usage = {
    input_tokens: Math.ceil(characters / CHARACTERS_PER_TOKEN),
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: OUTPUT_TOKENS,
    output_tokens_details: { reasoning_tokens: 0 },
  }
  return reply.text(JSON.stringify(text), { usage })
}

interface LeadPage {
  items: { messageSeq: number; scoredSeq: number }[]
  nextCursor: string | null
}

/** Every lead is covered by a score; answers what there was to cover. */
async function whenScored({ api }: Service): Promise<number> {
  const deadline = Date.now() + IDLE_LIMIT_MS
  for (;;) {
    const leads: LeadPage['items'] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const after: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''
      const page: LeadPage = await api<LeadPage>('GET', `/api/v1/leads?limit=200${after}`)
      leads.push(...page.items)
      cursor = page.nextCursor
    }
    if (leads.every(({ messageSeq, scoredSeq }) => messageSeq === scoredSeq)) {
      return leads.reduce((sum, { messageSeq }) => sum + messageSeq, 0)
    }
    if (Date.now() > deadline) throw new Error('some leads never got a score')
    await delay(500)
  }
}

const runs = {
  with: await measure({}),
  without: await measure({ SCORING_QUIET_MS: '0', SCORING_MAX_WAIT_MS: '0' }),
}
const table = new Table({
  head: ['', 'default windows', 'SCORING_QUIET_MS=0', 'saved'],
  colAligns: ['left', 'right', 'right', 'right'],
  style: { head: [], border: [], compact: true },
})
const saved = (a: number, b: number) => `${Math.round((1 - a / b) * 100)} %`
const row = (name: string, of: (run: Run) => number, shown = (value: number) => String(value)) => {
  const [a, b] = [of(runs.with), of(runs.without)]
  table.push([name, shown(a), shown(b), saved(a, b)])
}
const usd = (value: number) => `$${value.toFixed(5)}`
table.push(['messages and disqualifications', runs.with.changes, runs.without.changes, ''])
row('scoring calls', ({ scoring }) => scoring.calls)
row('  tokens in', ({ scoring }) => scoring.inputTokens)
row('  tokens out', ({ scoring }) => scoring.outputTokens)
row('  cost', ({ scoring }) => scoring.costUsd, usd)
row('all calls, sentiment as well', ({ all }) => all.calls)
row('  cost', ({ all }) => all.costUsd, usd)
const figures = (run: Run) => ({
  changes: run.changes,
  scoringCalls: run.scoring.calls,
  scoringTokens: run.scoring.inputTokens + run.scoring.outputTokens,
  scoringUsd: run.scoring.costUsd,
  allUsd: run.all.costUsd,
})
const line = { ...STREAM, with: figures(runs.with), without: figures(runs.without) }
process.stdout.write(`${table.toString()}\n${JSON.stringify(line)}\n`)
// The stream has bursts: as many calls as without would mean that nothing waits for them.
if (runs.with.scoring.calls >= runs.without.scoring.calls) process.exitCode = 1
