/**
 * Rejected deliveries that name a person. Their bodies were not understood, so the person is looked
 * for as text: address, phone number, LinkedIn profile, the provider's id, in every writing that
 * JSON and forms have for them.
 */
import { parsePhoneNumberFromString } from 'libphonenumber-js'
import type { ContactKind } from '../contacts.ts'
import type { IdentityKind } from '../identity.ts'
import type { Sql } from '../sql.ts'
import type { LeadRef } from './read-lead.ts'

export interface Mention {
  id: string
  receivedAt: unknown
  channel: string
  provider: string
  reason: string
  contentType: string | null
  body: Buffer
}

interface Known {
  kind: IdentityKind | ContactKind
  value: string
}

/** Bodies are up to 512 KiB. */
const BATCH = 50
/** A shorter id stands in many bodies by chance. */
const ID_CHARACTERS_MIN = 8

/** `contacts`: also by what the lead's messages say of how to reach it, which may be a colleague's. */
export async function* mentionsOf(
  sql: Sql,
  { workspaceId, leadId }: LeadRef,
  { contacts }: { contacts: boolean },
): AsyncGenerator<Mention> {
  const known = await sql.query<Known>(knownSql, [workspaceId, leadId, contacts])
  const patterns = known.flatMap(patternsOf)
  if (patterns.length === 0) return
  let after: string | null = null
  for (;;) {
    const rows: (Omit<Mention, 'body'> & { body: string })[] = await sql.query(batchSql, [
      workspaceId,
      after,
      BATCH,
    ])
    for (const row of rows) {
      const body = Buffer.from(row.body, 'base64')
      const text = readable(body)
      if (patterns.some((pattern) => pattern.test(text))) yield { ...row, body }
    }
    after = rows.at(-1)?.id ?? null
    if (rows.length < BATCH) return
  }
}

const knownSql = `
  select kind, value from lead_identity where workspace_id = $1::uuid and lead_id = $2::uuid
  union
  select kind, value from lead_contact where lead_id = $2::uuid and $3::boolean
`

const batchSql = `
  select id, received_at as "receivedAt", channel, provider, reason,
    content_type as "contentType", encode(body, 'base64') as body
  from rejected_delivery
  where workspace_id = $1::uuid and ($2::uuid is null or id > $2::uuid)
  order by id
  limit $3::int
`

function patternsOf({ kind, value }: Known): RegExp[] {
  switch (kind) {
    case 'email':
      return [whole(escaped(value))]
    case 'phone': {
      const national = parsePhoneNumberFromString(value)?.nationalNumber ?? value.slice(1)
      // People and providers group the digits as they like.
      return [
        new RegExp(`(?<!\\d)(?:\\+?\\d{1,3})?\\D{0,3}${[...national].join('\\D{0,3}')}(?!\\d)`),
      ]
    }
    case 'linkedin':
      return [whole(`linkedin\\.com/in/${escaped(value.slice(value.lastIndexOf('/') + 1))}`)]
    case 'provider': {
      const id = value.slice(value.lastIndexOf(':') + 1)
      return id.length < ID_CHARACTERS_MIN ? [] : [whole(escaped(id))]
    }
  }
}

/** Not a part of a longer word: ann@x.example is not joann@x.example. */
const whole = (pattern: string) =>
  new RegExp(`(?<![\\p{L}\\p{N}._-])${pattern}(?![\\p{L}\\p{N}_-])`, 'iu')
const escaped = (text: string) =>
  text.replace(/[\\^$.*+?()[\]{}|/-]/g, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)

/** The text as it came, without the escapes of JSON, and without those of a form. */
function readable(body: Buffer): string {
  const raw = body.toString('utf8')
  const plain = raw
    .replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    .replace(/\\[bfnrt]/g, ' ')
    .replace(/\\([^u])/g, '$1')
  const form = raw.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run)
    } catch {
      return run
    }
  })
  return `${raw}\n${plain}\n${form}`
}
