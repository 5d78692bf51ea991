/**
 * Post-processing of one stored inbound message, the part before its scoring job (T2a of the
 * design): the named steps of its channel, in order, each skipped when it was done before.
 *
 * Writes that follow one another without a call outside share one transaction; before a call they
 * are committed, so that an opt-out never waits for somebody else's server, and no transaction is
 * open during a call. A step that calls out is optional: its failure is recorded and the rest goes
 * on. A failing write of our own fails the job, which comes back.
 */
import { codeOf, type Store } from '../sql.ts'
import { type Outside, OutsideError } from './outside.ts'
import type { Step, StepName, StepWrite } from './step.ts'
import { readStepMessage, type StepMessage } from './step-message.ts'
import { stepsOf } from './steps.ts'

export type PostProcessed = 'done' | 'already done' | 'erased'

export interface PostProcessJob {
  workspaceId: string
  leadId: string
  messageId: string
}

interface Ended {
  step: StepName
  error: string | null
  write: StepWrite | undefined
}

/** `signal` ends calls outside; the job is then to be given back, and what is done stays done. */
export async function postProcess(
  { store, outside }: { store: Store; outside: Outside },
  job: PostProcessJob,
  signal: AbortSignal,
): Promise<PostProcessed> {
  const message = await readStepMessage(store, job)
  if (!message) return 'erased'
  if (message.isProcessed) return 'already done'
  let ended: Ended[] = []
  for (const step of stepsOf(message.channel)) {
    if (message.done.includes(step.name)) continue
    const plan = step.plan(message, { store, outside })
    if ('skip' in plan) continue
    if ('write' in plan) {
      ended.push({ step: step.name, error: null, write: plan.write })
      continue
    }
    await commit(store, message, ended)
    ended = []
    await commitCall(store, message, await callOf(step, plan.call, signal))
  }
  await commit(store, message, ended)
  return 'done'
}

async function callOf(
  { name }: Step,
  call: (signal: AbortSignal) => Promise<{ write?: StepWrite; failure?: string }>,
  signal: AbortSignal,
): Promise<Ended> {
  try {
    const { write, failure } = await call(signal)
    signal.throwIfAborted()
    return { step: name, error: failure ?? null, write }
  } catch (error) {
    signal.throwIfAborted()
    // Our own database being away is no failure of the step: the job comes back.
    if (!(error instanceof OutsideError)) throw error
    return { step: name, error: error.message, write: undefined }
  }
}

/** What came from outside may be data that the database refuses; that, too, must not block a score. */
async function commitCall(store: Store, message: StepMessage, ended: Ended): Promise<void> {
  try {
    await commit(store, message, [ended])
  } catch (error) {
    const code = codeOf(error) ?? ''
    // 22: data exception, 23: constraint violation.
    if (!/^2[23]/.test(code)) throw error
    const refused = {
      step: ended.step,
      error: `refused by the database: ${code}`,
      write: undefined,
    }
    await commit(store, message, [refused])
  }
}

/** Locks the lead first, so that messages of one lead take turns in the whole cluster. */
async function commit(store: Store, message: StepMessage, ended: Ended[]): Promise<void> {
  if (ended.length === 0) return
  const { kind, sentimentTag, pickedUpAt } = message
  await store.transaction(async (tx) => {
    const [lead] = await tx.query<{ done: StepName[] }>(
      `select array(
         select step from message_step where message_id = $2 and state = 'done'
       ) as done
       from lead where id = $1
       for no key update of lead`,
      [message.leadId, message.id],
    )
    // Erased meanwhile, the message with it.
    if (!lead) return
    const fresh = ended.filter(({ step }) => !lead.done.includes(step))
    if (fresh.length === 0) return
    for (const { write } of fresh) await write?.(tx)
    await tx.query(
      `update message set kind = $2, sentiment_tag = $3,
         post_processed_at = case when $4::boolean then now() else post_processed_at end,
         picked_up_at = coalesce(picked_up_at, $5::timestamptz)
       where id = $1`,
      [message.id, kind, sentimentTag, fresh.some(({ step }) => step === 'rollups'), pickedUpAt],
    )
    await tx.query(
      `insert into message_step (message_id, step, state, error)
       select $1::uuid, step, case when error is null then 'done' else 'failed' end, error
       from unnest($2::text[], $3::text[]) as ended (step, error)
       on conflict (message_id, step)
         do update set state = excluded.state, error = excluded.error, at = now()`,
      [message.id, fresh.map(({ step }) => step), fresh.map(({ error }) => cut(error))],
    )
  })
}

const ERROR_CHARACTERS_MAX = 300

function cut(error: string | null): string | null {
  return error === null ? null : error.slice(0, ERROR_CHARACTERS_MAX).toWellFormed()
}
