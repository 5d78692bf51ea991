/** The rounds of the ingest bench: every contender in turn, several times over, and the medians. */
import type { Contender } from './contenders.ts'
import type { LoadProcess } from './load-process.ts'
import type { RoundResult } from './round.ts'

export interface Figure {
  contender: string
  connections: number
  /** Requests per second offered; null: as fast as they are answered. */
  rate: number | null
  rps: number
  p50Ms: number
  p99Ms: number
  /** Sent away with 503 or 429, of all rounds; counted in no rate. */
  refused: number
  rounds: number
}

export interface RoundPlan {
  rounds: number
  warmUpMs: number
  measuredMs: number
}

export interface Match {
  contender: Contender
  connections: number
  rate: number | null
}

/**
 * Alternates, so that a machine that slows down slows everybody. Only 200 counts, and every 200 must
 * have been stored: a contender that loses has no rate.
 */
export async function play(
  load: LoadProcess,
  matches: Match[],
  plan: RoundPlan,
): Promise<Figure[]> {
  const results = new Map<Match, RoundResult[]>(matches.map((match) => [match, []]))
  for (let round = 0; round < plan.rounds; round++) {
    for (const match of matches) {
      const result = await playOne(load, match, plan)
      results.get(match)?.push(result)
    }
  }
  return matches.map((match) => {
    const all = results.get(match) ?? []
    return {
      contender: match.contender.name,
      connections: match.connections,
      rate: match.rate,
      rps: Math.round(median(all.map(({ rps }) => rps))),
      p50Ms: round1(median(all.map(({ p50Ms }) => p50Ms))),
      p99Ms: round1(median(all.map(({ p99Ms }) => p99Ms))),
      refused: all.reduce(
        (sum, { statuses }) => sum + (statuses[503] ?? 0) + (statuses[429] ?? 0),
        0,
      ),
      rounds: all.length,
    }
  })
}

async function playOne(load: LoadProcess, match: Match, plan: RoundPlan): Promise<RoundResult> {
  const { contender, connections, rate } = match
  const { warmUpMs, measuredMs } = plan
  const result = await load.send(contender, { connections, rate, warmUpMs, measuredMs })
  const answered = result.statuses[200] ?? 0
  if (Object.keys(result.statuses).some((status) => !/^(200|503|429)$/.test(status))) {
    throw new Error(`${contender.name} answered ${JSON.stringify(result.statuses)}`)
  }
  const stored = contender.stored ? await contender.stored() : answered
  if (stored < answered) {
    throw new Error(`${contender.name} answered ${answered} and stored ${stored}`)
  }
  await contender.empty?.()
  return result
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2
}

const round1 = (value: number) => Math.round(value * 10) / 10
