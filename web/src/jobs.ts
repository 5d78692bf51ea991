/** What the API tells of jobs, and what people call it. */

export interface Stats {
  counts: { type: string; state: string; count: number; oldestAgeMs: number }[]
  throughput: { type: string; from: string; completed: number }[]
  ages: { type: string; from: string; oldestMs: number }[]
  bucketMinutes: number
  failures: Failure[]
}

export interface Failure {
  type: string
  error: string
  count: number
  newestAt: string
}

export interface Job {
  id: string
  type: string
  state: string
  leadId: string
  /** Null: the job is about the lead. */
  messageId: string | null
  attempts: number
  error: string | null
  createdAt: string
  dueAt: string
  endedAt: string | null
}

export interface Parked {
  leadId: string
  leadName: string | null
  error: string | null
  parkedAt: string
}

export const jobStates = ['waiting', 'retrying', 'active', 'completed', 'failed'] as const

export const isScoring = (type: string) => type.startsWith('LEAD_SCORING')

/** `EMAIL_INBOUND_POST_PROCESS` as people say it. */
export function nameOfJob(type: string): string {
  return isScoring(type) ? 'Scoring' : `Post-process ${type.split('_')[0]?.toLowerCase()}`
}

/** 12 ms, 3.4 s, 5 min, 2 h: two digits that matter. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  return `${Math.round(ms / 3_600_000)} h`
}
