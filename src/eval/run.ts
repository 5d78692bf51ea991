/** One evaluation from beginning to end: cases, scorers, calls with progress, report. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../actors/gate.ts'
import { openaiScorer } from '../clients/openai.ts'
import type { OpenAiEvent } from '../clients/openai-client.ts'
import { CommandError } from '../command-error.ts'
import type { Config, OpenAiConfig } from '../config.ts'
import { RULES_MODEL, rulesScorer } from '../domain/scoring/rules-scorer.ts'
import type { Scorer, ScoringRequest } from '../domain/scoring/score.ts'
import { createProgress, type Progress } from '../progress.ts'
import { type AttackRun, attackFigures, attackReport } from './attack-report.ts'
import { type Attack, attacked, readAttacks } from './attacks.ts'
import { type LabelledCase, OWN_CASES, readCases } from './cases.ts'
import type { EvalOptions } from './command.ts'
import { measure, usageOf } from './measure.ts'
import { figures, report, retried } from './report.ts'
import { type Outcome, type ScoredAll, scoreAll } from './score-all.ts'

export interface EvalDeps {
  openai: Config['openai']
  output: NodeJS.WritableStream
  /** For progress, and for what is worth knowing besides. */
  progress: NodeJS.WriteStream
  clock?: Clock
}

/** Answers the exit code. */
export async function evaluate(options: EvalOptions, deps: EvalDeps): Promise<number> {
  const progress = createProgress(deps.progress)
  const cases = readCases(options.file ?? OWN_CASES, progress.note)
  const note = (event: OpenAiEvent) => progress.note(sentence(event))
  const scorers =
    options.compare.length > 0
      ? options.compare.map((model) => comparedScorer(model, deps.openai, note))
      : [configuredScorer(deps.openai, note)]
  const parts = { options, cases, deps, progress }
  const outcomes = options.attacks
    ? await evaluateAttacks(scorers[0] as Scorer, parts)
    : await evaluateLabels(scorers, parts)
  return outcomes.every((outcome) => 'scores' in outcome) ? 0 : 2
}

interface Parts {
  options: EvalOptions
  cases: LabelledCase[]
  deps: EvalDeps
  progress: Progress
}

async function evaluateLabels(scorers: readonly Scorer[], parts: Parts): Promise<Outcome[]> {
  const { cases, options, deps } = parts
  const requests = cases.map(({ request }) => request)
  const runs: { scorer: Scorer; scored: ScoredAll }[] = []
  for (const scorer of scorers) runs.push({ scorer, scored: await score(scorer, requests, parts) })
  const measured = runs.map(({ scorer, scored }) => measure(scorer.name, cases, scored))
  const retries = runs.flatMap(({ scored }) => scored.retries)
  deps.output.write(`${[report(measured), ...retried(retries)].join('\n')}\n`)
  if (options.json) {
    const [only] = measured
    const line =
      measured.length === 1 && only
        ? figures(only)
        : { compare: measured.map((run) => ({ model: run.name, ...figures(run) })) }
    deps.output.write(`${JSON.stringify(line)}\n`)
  }
  return runs.flatMap(({ scored }) => scored.outcomes)
}

/** Without a divisor in common with their number: a case gets different templates, and all get a turn. */
const ATTACK_STRIDE = 79

/** Each case twice as it is, then with its share of the attacks, which all get their turn. */
async function evaluateAttacks(scorer: Scorer, parts: Parts): Promise<Outcome[]> {
  const { cases, options, deps } = parts
  const attacks = readAttacks()
  const tried = cases.flatMap((base, index) =>
    Array.from({ length: options.attacksPerCase }, (_, nth) => {
      const turn = (index * options.attacksPerCase + nth) * ATTACK_STRIDE
      const attack = attacks[turn % attacks.length] as Attack
      return { index, attack, request: base.request }
    }),
  )
  const plain = cases.map(({ request }) => request)
  const hostile = tried.map(({ request, attack }) => attacked(request, attack))
  const scored = await score(scorer, [...plain, ...plain, ...hostile], parts)
  const { outcomes, interactions } = scored
  const outcomeAt = (index: number) => outcomes[index] as Outcome
  const run: AttackRun = {
    repeats: cases.map((_, index) => ({
      before: outcomeAt(index),
      after: outcomeAt(cases.length + index),
    })),
    pairs: tried.map(({ index, attack }, nth) => ({
      caseId: cases[index]?.id ?? '',
      template: attack.id.split('/')[0] ?? '',
      before: outcomeAt(index),
      after: outcomeAt(2 * cases.length + nth),
    })),
    usage: usageOf(outcomes, interactions),
  }
  const lines = [`${scorer.name}: scores with and without hostile text`, attackReport(run)]
  deps.output.write(`${[...lines, ...retried(scored.retries)].join('\n')}\n`)
  if (options.json) deps.output.write(`${JSON.stringify(attackFigures(run))}\n`)
  return outcomes
}

async function score(
  scorer: Scorer,
  requests: readonly ScoringRequest[],
  { options, deps, progress }: Parts,
): Promise<ScoredAll> {
  const { concurrency } = options
  const where = scorer.name === RULES_MODEL ? '' : ` at ${deps.openai?.baseUrl ?? 'OpenAI'}`
  progress.note(`${requests.length} scores by ${scorer.name}${where}, ${concurrency} at once`)
  progress.start('scored', requests.length)
  const seen = new Map<string, number>()
  try {
    const scored = await scoreAll(requests, {
      scorer,
      concurrency,
      ...(deps.clock && { clock: deps.clock }),
      onProgress: progress.update,
      onRetry({ reason, waitMs }) {
        const count = (seen.get(reason) ?? 0) + 1
        seen.set(reason, count)
        // The 1st, 2nd, 4th, 8th …: an outage is a few lines, not hundreds.
        if (!Number.isInteger(Math.log2(count))) return
        const times = count === 1 ? '' : ` (${count} times so far)`
        progress.note(`${reason}${times}: again in ${(waitMs / 1000).toFixed(1)} s`)
      },
    })
    const [first] = scored.outcomes
    if (first && 'reason' in first && !scored.outcomes.some((it) => 'scores' in it)) {
      throw new CommandError(`${scorer.name}${where}: no score at all: ${first.reason}`)
    }
    return scored
  } finally {
    progress.stop()
  }
}

/** As the service scores: the successor takes over from a model that is gone, and the table says so. */
function configuredScorer(openai: OpenAiConfig | null, log: (event: OpenAiEvent) => void): Scorer {
  return openai ? modelScorer(openai, log) : rulesScorer()
}

/** No successor stands in: a model that is gone must not look as good as the next one. */
function comparedScorer(
  model: string,
  openai: OpenAiConfig | null,
  log: (event: OpenAiEvent) => void,
): Scorer {
  if (model === RULES_MODEL) return rulesScorer()
  if (!openai) {
    throw new CommandError(`--compare: ${model} needs OPENAI_API_KEY; without it takes rules-v1`)
  }
  return modelScorer({ ...openai, model, successor: model }, log)
}

function modelScorer(openai: OpenAiConfig, log: (event: OpenAiEvent) => void): Scorer {
  return openaiScorer({
    apiKey: openai.apiKey,
    baseURL: openai.baseUrl ?? undefined,
    model: openai.model,
    successor: openai.successor,
    timeoutMs: openai.timeoutMs,
    now: () => new Date(),
    random: () => randomBytes(16).toString('hex'),
    log,
  })
}

/** `warn openai.unknown_price: model gpt-x, cause not_in_price_table` */
function sentence({ level, event, ...rest }: OpenAiEvent): string {
  const facts = Object.entries(rest).map(([name, value]) => `${name} ${value}`)
  return `${level} ${event}: ${facts.join(', ')}`
}
