/**
 * Labelled conversations, one JSON object a line: read, checked, and turned into what a scorer is
 * asked. A mistake is told by line and field; a field that nobody reads is told, too, and left out.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { CommandError } from '../command-error.ts'
import { channels } from '../domain/channels/inbound-event.ts'
import { type ScoreValue, type ScoringRequest, scoreValues } from '../domain/scoring/score.ts'
import { boundTranscript } from '../domain/scoring/transcript.ts'
import { tidyText } from '../domain/text/plain-text.ts'
import { newTextOf } from '../domain/text/quoted-thread.ts'

/** Labelled before the rules were written; every third is held out from tuning them. */
export const OWN_CASES = new URL('./conversations.jsonl', import.meta.url)

export const axes = ['fitScore', 'intentScore', 'overallScore'] as const
export type Axis = (typeof axes)[number]

export interface LabelledCase extends Record<Axis, ScoreValue> {
  /** The one given, else the line. */
  id: string
  /** Never looked at while the rules are tuned. */
  holdout: boolean
  request: ScoringRequest
}

/** More mistakes than a person mends before the next try. */
const MISTAKES_SHOWN = 10

const text = z.string('takes a text').nullish()
const score = z.literal(scoreValues, 'takes 1, 2, 3 or 4')

const messageSchema = z.strictObject(
  {
    direction: z.enum(['inbound', 'outbound'], 'takes inbound or outbound'),
    channel: z.enum(channels, `takes ${channels.join(', ')}`),
    subject: text,
    body: z
      .string('takes a text')
      .refine((body) => tidyText(body) !== '', 'takes a text that is not empty'),
    kind: z.enum(['text', 'auto_reply'], 'takes text or auto_reply').default('text'),
    sentAt: z.iso.datetime({ offset: true, error: 'takes an ISO 8601 time with zone' }).nullish(),
  },
  'takes an object',
)

/** By the names of the API, of which scorers read these. */
const settingsSchema = z.strictObject(
  {
    companyName: text,
    serviceDescription: text,
    idealCustomerProfile: text,
    qualificationQuestions: z.array(z.string('takes a text'), 'takes a list of texts').nullish(),
  },
  'takes an object',
)
const leadSchema = z.strictObject(
  {
    name: text,
    firstName: text,
    lastName: text,
    company: text,
    title: text,
    industry: text,
    headcount: z
      .union([z.string(), z.number().transform(String)], 'takes a text or a number')
      .nullish(),
  },
  'takes an object',
)

const caseSchema = z.strictObject(
  {
    id: z.union([z.string().min(1), z.number().transform(String)], 'takes a text').optional(),
    holdout: z.boolean('takes true or false').default(false),
    messages: z
      .array(messageSchema, 'takes a list of messages')
      .refine(
        (messages) => messages.some(({ direction }) => direction === 'inbound'),
        'takes at least one inbound message: a lead that wrote nothing has no score',
      ),
    settings: settingsSchema.nullish(),
    lead: leadSchema.nullish(),
    fitScore: score,
    intentScore: score,
    overallScore: score,
  },
  'takes an object',
)
type Given = z.output<typeof caseSchema>

/** `warn` hears of fields that are not read. Throws CommandError for a file that is no such set. */
export function readCases(path: string | URL, warn: (line: string) => void): LabelledCase[] {
  const shown = path instanceof URL ? path.pathname : path
  const lines = readFile(path, shown)
    .replace(/^\uFEFF/, '')
    .split('\n')
  const mistakes: string[] = []
  const ignored = new Map<string, number>()
  const cases: LabelledCase[] = []
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const read = readLine(line)
    for (const field of read.ignored) ignored.set(field, (ignored.get(field) ?? 0) + 1)
    for (const mistake of read.mistakes) mistakes.push(`line ${index + 1}: ${mistake}`)
    if (read.given) cases.push(caseOf(read.given, `line ${index + 1}`))
  }
  if (mistakes.length > 0) throw new CommandError(complaint(shown, mistakes))
  if (cases.length === 0) throw new CommandError(`--file: ${shown} holds no case`)
  for (const [field, count] of ignored) warn(`${shown}: ${field} is not read (${count} lines)`)
  return cases
}

function readFile(path: string | URL, shown: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new CommandError(`--file: ${shown} cannot be read (${code})`, { cause: error })
  }
}

interface ReadLine {
  given: Given | null
  mistakes: string[]
  ignored: string[]
}

function readLine(line: string): ReadLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { given: null, mistakes: ['takes one JSON object'], ignored: [] }
  }
  const ignored: string[] = []
  let parsed = caseSchema.safeParse(value)
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code !== 'unrecognized_keys') continue
    for (const key of issue.keys) {
      delete objectAt(value, issue.path)[key]
      // Without the place in a list: it is the same field in each message.
      ignored.push([...issue.path.filter((part) => typeof part === 'string'), key].join('.'))
    }
  }
  if (ignored.length > 0) parsed = caseSchema.safeParse(value)
  const mistakes = (parsed.error?.issues ?? []).map(({ path, message }) =>
    path.length === 0 ? message : `${fieldOf(path)}: ${message}`,
  )
  return { given: parsed.data ?? null, mistakes, ignored }
}

function objectAt(value: unknown, path: readonly PropertyKey[]): Record<string, unknown> {
  let at = value as Record<PropertyKey, unknown>
  for (const part of path) at = at[part] as Record<PropertyKey, unknown>
  return at
}

/** `messages[0].body`. */
function fieldOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}

function complaint(shown: string, mistakes: string[]): string {
  const more = mistakes.length - MISTAKES_SHOWN
  const rest = more > 0 ? [`and ${more} more`] : []
  return [`--file: ${shown}`, ...mistakes.slice(0, MISTAKES_SHOWN), ...rest].join('\n  ')
}

const START = Date.UTC(2026, 0, 5, 9)
const HOUR_MS = 3_600_000

/** Bodies lose quoted threads and signatures as on arrival; messages without a time are an hour apart. */
function caseOf(given: Given, place: string): LabelledCase {
  const { settings, lead, messages, fitScore, intentScore, overallScore } = given
  const id = given.id ?? place
  const fullName = [lead?.firstName, lead?.lastName].filter(Boolean).join(' ')
  const request: ScoringRequest = {
    workspaceId: 'eval',
    leadId: id,
    context: {
      companyName: settings?.companyName ?? null,
      serviceDescription: settings?.serviceDescription ?? null,
      idealCustomerProfile: settings?.idealCustomerProfile ?? null,
      qualificationQuestions: settings?.qualificationQuestions ?? [],
    },
    lead: {
      name: lead?.name || fullName || null,
      company: lead?.company ?? null,
      title: lead?.title ?? null,
      industry: lead?.industry ?? null,
      headcount: lead?.headcount ?? null,
    },
    transcript: boundTranscript(
      messages
        .map(({ sentAt, body, subject, ...message }, position) => ({
          ...message,
          subject: subject ?? null,
          body: newTextOf({ text: body }) || tidyText(body),
          at: sentAt ? new Date(sentAt) : new Date(START + position * HOUR_MS),
        }))
        // Those of one instant are taken as newest first.
        .reverse(),
    ),
  }
  return { id, holdout: given.holdout, request, fitScore, intentScore, overallScore }
}
