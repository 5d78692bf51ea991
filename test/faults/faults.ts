/**
 * Every way a call to the model is known to go wrong, and what becomes of it: the one table behind
 * the test, `npm run fault-matrix` and docs/faults.md.
 */
import type { InteractionOutcome } from '../../src/domain/scoring/score.ts'
import { type FakeAnswer, fault, reply } from '../support/fake-openai.ts'

/** For the calls that end by it; all others have a limit that they never reach. */
export const STALL_LIMIT_MS = 400
/** One below what opens the circuit. */
const SIDE_BY_SIDE = 4

export interface Fault {
  name: string
  /** Undefined: nobody listens at the address. */
  answer: FakeAnswer | undefined
  /** Ends by our time limit only. */
  stalls?: boolean
  /** Only this model answers so; absent: both do. */
  only?: string
  /** Calls made for one score; absent: one. */
  calls?: number
  /** The accounting row's `outcome` and `error`. */
  outcome: Exclude<InteractionOutcome, 'ok'>
  error: string
  /** Whether the reply told what it used; recorded then. */
  usage: boolean
  next: Next
  /** How long calls of other leads wait, in seconds; absent: not at all. */
  othersWaitS?: number
}

/** `again`: given back, no attempt spent, due after so many seconds. `backoff`: an attempt spent. */
export type Next =
  | { how: 'again'; fromS: number; toS: number }
  | { how: 'backoff' }
  | { how: 'parked' }
  | { how: 'successor' }

const soon: Next = { how: 'again', fromS: 5, toS: 10 }
const backoff: Next = { how: 'backoff' }
const parked: Next = { how: 'parked' }
/** `Retry-After` and up to a fifth. */
const after = (seconds: number): Next => ({
  how: 'again',
  fromS: seconds,
  toS: seconds * 1.2,
})

const refused = { outcome: 'refused', next: parked } as const
const gone = { outcome: 'error', next: parked, usage: false } as const
const unwell = { outcome: 'error', next: soon, usage: false } as const
const late = { outcome: 'timeout', next: soon, usage: false } as const
const stalled = {
  outcome: 'timeout',
  next: soon,
  usage: false,
  stalls: true,
  error: `no answer in ${STALL_LIMIT_MS} ms`,
} as const
const limited = { outcome: 'rate_limited', usage: false } as const
const useless = { outcome: 'invalid', next: backoff } as const

export const faults: readonly Fault[] = [
  {
    name: 'HTTP 400',
    answer: fault.status(400, { code: 'invalid_value' }),
    ...gone,
    error: 'HTTP 400 invalid_value',
  },
  {
    name: 'HTTP 400 `invalid_prompt`',
    answer: fault.status(400, { code: 'invalid_prompt' }),
    ...refused,
    usage: false,
    error: 'refused (HTTP 400 invalid_prompt)',
  },
  { name: 'HTTP 401', answer: fault.status(401), ...gone, error: 'credentials refused (HTTP 401)' },
  { name: 'HTTP 403', answer: fault.status(403), ...gone, error: 'credentials refused (HTTP 403)' },
  {
    name: 'HTTP 404 `model_not_found`, the configured model',
    answer: fault.modelNotFound(),
    only: 'gpt-5-nano',
    calls: 2,
    outcome: 'error',
    usage: false,
    error: 'model not found (HTTP 404 model_not_found)',
    next: { how: 'successor' },
  },
  {
    name: 'HTTP 404 `model_not_found`, the successor as well',
    answer: fault.modelNotFound(),
    calls: 2,
    ...gone,
    error: 'model not found (HTTP 404 model_not_found)',
  },
  { name: 'HTTP 408', answer: fault.status(408), ...late, error: 'HTTP 408' },
  { name: 'HTTP 409', answer: fault.status(409), ...unwell, error: 'HTTP 409' },
  {
    name: 'HTTP 429',
    answer: fault.status(429),
    ...limited,
    error: 'rate limited (HTTP 429)',
    next: soon,
    othersWaitS: 1,
  },
  {
    name: 'HTTP 429, `Retry-After: 7`',
    answer: fault.status(429, {}, { 'retry-after': '7' }),
    ...limited,
    error: 'rate limited (HTTP 429)',
    next: after(7),
    othersWaitS: 7,
  },
  {
    name: 'HTTP 429, `Retry-After: 3600`',
    answer: fault.status(429, {}, { 'retry-after': '3600' }),
    ...limited,
    error: 'rate limited (HTTP 429)',
    next: after(900),
    othersWaitS: 900,
  },
  {
    name: 'HTTP 429 `insufficient_quota`',
    answer: fault.insufficientQuota(),
    ...limited,
    error: 'quota used up (HTTP 429 insufficient_quota)',
    next: soon,
    othersWaitS: 900,
  },
  { name: 'HTTP 500', answer: fault.status(500), ...unwell, error: 'HTTP 500' },
  { name: 'HTTP 503', answer: fault.status(503), ...unwell, error: 'HTTP 503' },
  {
    name: 'HTTP 503, `Retry-After: 20`',
    answer: fault.status(503, {}, { 'retry-after': '20' }),
    ...unwell,
    error: 'HTTP 503',
    next: after(20),
  },
  { name: 'connection refused', answer: undefined, ...unwell, error: 'connection failed' },
  {
    name: 'reset before the headers',
    answer: fault.resetBeforeHeaders(),
    ...unwell,
    error: 'connection failed',
  },
  { name: 'reset in the body', answer: fault.resetMidBody(), ...unwell, error: 'connection lost' },
  {
    name: 'headers that never come',
    answer: fault.stalledHeaders(),
    ...stalled,
  },
  {
    name: 'a body that stalls',
    answer: fault.stalledBody(),
    ...stalled,
  },
  {
    name: 'a body that never ends, slowly',
    answer: fault.drippingBody(),
    ...stalled,
  },
  {
    name: 'a body that never ends, fast',
    answer: fault.endlessBody(),
    ...useless,
    usage: false,
    error: 'reply is too large',
  },
  { name: 'a page with status 200', answer: fault.html(), ...unwell, error: 'unreadable reply' },
  { name: 'an empty body', answer: fault.emptyBody(), ...unwell, error: 'unreadable reply' },
  {
    name: 'invalid JSON',
    answer: fault.invalidJson(),
    ...useless,
    usage: false,
    error: 'unreadable reply',
  },
  {
    name: 'wrong schema',
    answer: fault.wrongSchema(),
    ...useless,
    usage: true,
    error: 'answer breaks the schema at reasoning',
  },
  {
    name: 'score 5',
    answer: reply.scores(5, 3, 3),
    ...useless,
    usage: true,
    error: 'answer breaks the schema at fitScore',
  },
  {
    name: 'overall two away from the guideline',
    answer: reply.scores(1, 1, 3),
    ...useless,
    usage: true,
    error: 'overall 3 does not follow from 1/1',
  },
  {
    name: 'refusal',
    answer: fault.refusal(),
    ...refused,
    usage: true,
    error: 'refused by the model',
  },
  {
    name: 'stopped by the content filter',
    answer: fault.incomplete('content_filter'),
    ...refused,
    usage: true,
    error: 'stopped by the content filter',
  },
  {
    name: 'incomplete by `max_output_tokens`',
    answer: fault.incomplete(),
    outcome: 'incomplete',
    next: backoff,
    usage: true,
    error: 'output token limit reached',
  },
  {
    name: 'empty output',
    answer: fault.emptyOutput(),
    ...useless,
    usage: true,
    error: 'empty output',
  },
  {
    name: 'status `failed`, `server_error`',
    answer: fault.failed(),
    ...unwell,
    usage: true,
    error: 'provider failed: server_error',
  },
]

/** What can be watched at the same time: none of a phase has to do with another's calls. */
export function phases(): Fault[][] {
  const alone = faults.filter((it) => it.othersWaitS || it.only || !it.answer || it.calls)
  const stalls = faults.filter((it) => it.stalls)
  const rest = faults.filter((it) => !alone.includes(it) && !it.stalls)
  const chunks = Map.groupBy(rest.entries(), ([index]) => Math.floor(index / SIDE_BY_SIDE))
  return [
    ...[...chunks.values()].map((chunk) => chunk.map(([, it]) => it)),
    stalls,
    ...alone.map((it) => [it]),
  ]
}

/** As it stands in docs/faults.md. */
export function faultTable(): string {
  const head = ['fault', 'outcome', 'reason shown', 'usage', 'then', 'attempts', 'other leads']
  const rows = faults.map((it) => [
    it.name,
    `\`${it.outcome}\``,
    it.error.replace(`${STALL_LIMIT_MS} ms`, 'OPENAI_TIMEOUT_MS'),
    it.usage ? 'recorded' : 'none told',
    nextShown(it.next),
    it.next.how === 'backoff' ? '1' : '0',
    it.othersWaitS === undefined ? 'go on' : `wait ${it.othersWaitS} s`,
  ])
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function nextShown(next: Next): string {
  if (next.how === 'again') return `again after ${next.fromS}–${next.toS} s`
  if (next.how === 'backoff') return 'again with backoff'
  return next.how === 'parked' ? 'lead parked' : 'the successor scores it'
}
