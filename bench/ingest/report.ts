/** What the ingest bench prints: a JSON line per figure, the table, and the ratios. */
import CliTable from 'cli-table3'
import type { Figure } from './figures.ts'

export interface Ratios {
  vsPgBoss: number | null
  vsGraphile: number | null
  vsPgbench: number | null
  vsHttp: number | null
  vsPgBoss64: number | null
  vsGraphile64: number | null
  pgliteRps: number | null
  postgresRps: number | null
  /** Leadpulse on PostgreSQL at 1,000 requests per second, open loop. */
  p99Ms: number | null
}

export function ratiosOf(figures: Figure[]): Ratios {
  const find = (contender: string, connections: number, rate: number | null = null) =>
    figures.find(
      (each) =>
        each.contender === contender && each.connections === connections && each.rate === rate,
    )
  const rps = (contender: string, connections = 256) => find(contender, connections)?.rps ?? null
  const ratio = (contender: string, connections = 256) => {
    const ours = rps('leadpulse', connections)
    const theirs = rps(contender, connections)
    return ours && theirs ? Math.round((ours / theirs) * 100) / 100 : null
  }
  const pgbench = figures.find(({ contender }) => contender === 'pgbench')
  const postgresRps = rps('leadpulse')
  return {
    vsPgBoss: ratio('pgboss'),
    vsGraphile: ratio('graphile'),
    vsPgbench: postgresRps && pgbench ? Math.round((postgresRps / pgbench.rps) * 100) / 100 : null,
    vsHttp: ratio('http'),
    vsPgBoss64: ratio('pgboss', 64),
    vsGraphile64: ratio('graphile', 64),
    pgliteRps: rps('pglite'),
    postgresRps,
    p99Ms: find('leadpulse', 256, OPEN_LOOP_RATE)?.p99Ms ?? null,
  }
}

export const OPEN_LOOP_RATE = 1000

export function tableOf(figures: Figure[]): string {
  const table = new CliTable({
    head: ['contender', 'connections', 'offered /s', 'answered /s', 'p50 ms', 'p99 ms', 'refused'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const { contender, connections, rate, rps, p50Ms, p99Ms, refused } of figures) {
    table.push([contender, connections, rate ?? 'all it takes', rps, p50Ms, p99Ms, refused])
  }
  return table.toString()
}
