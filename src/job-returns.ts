/**
 * Bringing jobs back: one that a person picks, or all that failed in a workspace and the leads that
 * were parked by it. A job belongs to the workspace its data names, and no statement crosses that.
 */
import { type Channel, channels } from './domain/channels/inbound-event.ts'
import type { Tx } from './domain/sql.ts'
import {
  DEAD_LETTER_QUEUE,
  postProcessQueueOf,
  type QueueName,
  queueNames,
  SCORING_QUEUE,
} from './job-queues.ts'
import type { Jobs, PostProcessData } from './jobs.ts'

/** pg-boss's own words, e.g. for a job that outlived its limit, are in other fields. */
const errorOf = (column: string) =>
  `coalesce(${column} ->> 'reason', ${column} ->> 'message', ${column} -> 'value' ->> 'message')`
export const jobError = `coalesce(${errorOf('source_output')}, ${errorOf('output')})`
/** What failures are grouped by, and brought back by. */
export const groupOfError = `coalesce(${jobError}, 'unknown')`

export type Retried = 'due' | 'active' | 'completed'

export interface JobReturns {
  /** Makes a job due now, with all its attempts; null: the workspace has no such job. */
  retry(tx: Tx, job: { workspaceId: string; jobId: string }): Promise<Retried | null>
  /** Brings failed jobs and parked leads back, at most `REDRIVE_MAX` of each; answers how many. */
  redrive(
    tx: Tx,
    what: { workspaceId: string; type: QueueName | null; error: string | null },
  ): Promise<{ jobs: number; leads: number }>
}

/** One transaction's worth; a longer list takes several calls. */
export const REDRIVE_MAX = 1000

export function jobReturns(jobs: Jobs): JobReturns {
  return {
    retry: (tx, job) => retry(tx, jobs, job),
    redrive: (tx, what) => redrive(tx, jobs, what),
  }
}

interface DeadLetter {
  id: string
  type: QueueName
  originalId: string
  data: PostProcessData
}

async function retry(
  tx: Tx,
  jobs: Jobs,
  { workspaceId, jobId }: { workspaceId: string; jobId: string },
): Promise<Retried | null> {
  const [job] = await tx.query<{ name: string; state: string; leadId: string }>(
    `select name, state::text as state, data ->> 'leadId' as "leadId"
     from pgboss.job
     where name = any($1::text[]) and id = $2::uuid and data ->> 'workspaceId' = $3::text
       and state <> 'failed'
     for update`,
    [[DEAD_LETTER_QUEUE, ...queueNames], jobId, workspaceId],
  )
  if (!job) return null
  if (job.name === DEAD_LETTER_QUEUE) {
    await bringBack(
      tx,
      jobs,
      await takeDeadLetters(tx, { workspaceId, type: null, error: null, jobId }),
    )
    return 'due'
  }
  if (job.state !== 'created' && job.state !== 'retry') return job.state as Retried
  await tx.query(`update pgboss.job set start_after = now() where name = $1 and id = $2::uuid`, [
    job.name,
    jobId,
  ])
  return 'due'
}

async function redrive(
  tx: Tx,
  jobs: Jobs,
  what: { workspaceId: string; type: QueueName | null; error: string | null },
): Promise<{ jobs: number; leads: number }> {
  const dead = await takeDeadLetters(tx, { ...what, jobId: null })
  const unparked = await bringBack(tx, jobs, dead)
  if (what.type !== null && what.type !== SCORING_QUEUE) {
    return { jobs: dead.length, leads: unparked }
  }
  // Parked without a dead letter: it is no longer kept, or the model refused. A lead that is locked
  // is being written by what brings it back itself, and is not waited for out of order.
  const leads = await tx.query<{ leadId: string }>(
    `update lead set parked_at = null, updated_at = now()
     where id in (
       select id from lead where workspace_id = $1::uuid and parked_at is not null
         and ($3::text is null or scoring_error = $3)
       order by parked_at, id limit $2
       for no key update skip locked
     )
     returning id as "leadId"`,
    [what.workspaceId, REDRIVE_MAX, what.error],
  )
  await jobs.sendScoring(
    tx,
    leads.map(({ leadId }) => ({ workspaceId: what.workspaceId, leadId })),
  )
  return { jobs: dead.length, leads: unparked + leads.length }
}

/** The failed original goes, too: a post-process job's id is its message's, and stands once. */
async function takeDeadLetters(
  tx: Tx,
  what: {
    workspaceId: string
    type: QueueName | null
    error: string | null
    jobId: string | null
  },
): Promise<DeadLetter[]> {
  const dead = await tx.query<DeadLetter>(
    `delete from pgboss.job where name = $1 and id in (
       select id from pgboss.job
       where name = $1 and state = 'created' and data ->> 'workspaceId' = $2::text
         and ($3::text is null or source_name = $3) and ($4::uuid is null or id = $4)
         and ($6::text is null or ${groupOfError} = $6)
       order by created_on, id
       limit $5
       for update skip locked
     )
     returning id, source_name as type, source_id as "originalId", data`,
    [DEAD_LETTER_QUEUE, what.workspaceId, what.type, what.jobId, REDRIVE_MAX, what.error],
  )
  await tx.query(
    `delete from pgboss.job using unnest($1::text[], $2::uuid[]) as original (name, id)
     where job.name = original.name and job.id = original.id and job.state = 'failed'`,
    [dead.map(({ type }) => type), dead.map(({ originalId }) => originalId)],
  )
  return dead
}

/** Answers how many leads were parked no more. */
async function bringBack(tx: Tx, jobs: Jobs, dead: DeadLetter[]): Promise<number> {
  const messages = dead.flatMap(({ type, data }) => {
    const channel = channelOf(type)
    return channel ? [{ ...data, channel }] : []
  })
  await jobs.insertPostProcess(tx, messages)
  await jobs.sendScoring(
    tx,
    dead.filter(({ type }) => type === SCORING_QUEUE).map(({ data }) => data),
  )
  const leads = await tx.query(
    `update lead set parked_at = null, scoring_error = null, updated_at = now()
     where id in (
       select id from lead where id = any($1::uuid[]) and parked_at is not null
       order by id
       for no key update
     )
     returning id`,
    [dead.map(({ data }) => data.leadId)],
  )
  return leads.length
}

const channelOf = (type: QueueName): Channel | undefined =>
  channels.find((channel) => postProcessQueueOf(channel) === type)
