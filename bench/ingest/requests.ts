/**
 * The webhooks that a round sends: replies of many leads in the payloads of all providers, rendered
 * before the clock runs. Every one is a new message, so every one must be stored.
 */
import { followUps, scripts, spoken } from '../../src/simulate/conversations.ts'
import { createIds } from '../../src/simulate/ids.ts'
import { type FormatName, formatNames } from '../../src/simulate/payloads/format.ts'
import { formats } from '../../src/simulate/payloads/formats.ts'
import { createPersonas, identify } from '../../src/simulate/people.ts'
import { createDeck, createRandom } from '../../src/simulate/random.ts'

export interface WebhookRequest {
  format: FormatName
  contentType: string | null
  body: string
  bodyBytes: number
}

export interface RequestOptions {
  count: number
  /** People the replies come from; a campaign makes thousands of leads reply in the same minutes. */
  leads: number
  seed: number
}

const DAY_MS = 86_400_000

export function renderRequests({ count, leads, seed }: RequestOptions): WebhookRequest[] {
  const random = createRandom(seed)
  const ids = createIds(seed, 'bench')
  const people = createPersonas(random, leads).map((persona) => identify(persona, ids))
  const deck = createDeck(random, formatNames)
  const openers = scripts.map(({ steps }) => steps.find(({ by }) => by === 'us')).filter(Boolean)
  const said = [...scripts.flatMap(({ steps }) => steps), ...followUps.flat()].filter(
    ({ by, kind }) => by === 'lead' && kind === 'says',
  )
  const startedAt = Date.now() - DAY_MS
  return Array.from({ length: count }, (_, message) => {
    const format = formats[deck.deal()]
    const person = random.pick(people)
    const text = spoken(random.pick(said).text, person, 'Tuesday')
    const at = new Date(startedAt + message * 40)
    const fields = format.payloads.reply?.make({
      person,
      message,
      delivery: message,
      at,
      // The same words of one person by two routes would be one message (`domain/ingest/twins.ts`).
      text: `${text} (${message})`,
      subject: `Cutting onboarding time at ${person.company}`,
      quoted: {
        text: spoken(random.pick(openers)?.text ?? '', person, 'Tuesday'),
        at: new Date(at.getTime() - DAY_MS),
      },
      ids,
    })
    if (!fields) throw new Error(`${format.name} has no reply`)
    const body =
      format.encoding === 'form'
        ? new URLSearchParams(fields as Record<string, string>).toString()
        : JSON.stringify(fields)
    return {
      format: format.name,
      contentType: format.contentType,
      body,
      bodyBytes: Buffer.byteLength(body),
    }
  })
}
