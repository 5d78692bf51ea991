/**
 * Enrichment of a lead by somebody who knows more (Clay): what is asked, and what an answer fills.
 * Blanks only: what the lead or a provider said is never overwritten.
 */
import { type Contact, storeContacts } from '../contacts.ts'
import { normalizeEmail, normalizeLinkedinUrl, normalizePhone } from '../identity.ts'
import type { Sql, Tx } from '../sql.ts'
import { storableText } from '../text/storable-text.ts'

/** Each question costs credits; companies and positions change more slowly than this. */
const ASK_AGAIN_DAYS = 30

export interface EnrichmentSubject {
  firstName: string | null
  lastName: string | null
  company: string | null
  title: string | null
  industry: string | null
  headcount: string | null
  email: string | null
  phone: string | null
  linkedinUrl: string | null
}

/** Null: gone, asked about lately, disqualified, or there is no blank to fill. */
export async function readEnrichmentSubject(
  sql: Sql,
  lead: { workspaceId: string; leadId: string },
): Promise<EnrichmentSubject | null> {
  const reach = (kind: string) => `coalesce(
    (select value from lead_identity where lead_id = lead.id and kind = '${kind}'
       order by created_at, value limit 1),
    (select value from lead_contact where lead_id = lead.id and kind = '${kind}'
       order by found_at, value limit 1))`
  const [row] = await sql.query<EnrichmentSubject>(
    `select first_name as "firstName", last_name as "lastName", company, title, industry,
       headcount, ${reach('email')} as email, ${reach('phone')} as phone,
       ${reach('linkedin')} as "linkedinUrl"
     from lead
     where id = $1::uuid and workspace_id = $2::uuid and disqualified_reason is null
       and (company is null or title is null or industry is null or headcount is null)
       and (enrichment_asked_at is null
         or enrichment_asked_at < now() - $3::int * interval '1 day')`,
    [lead.leadId, lead.workspaceId, ASK_AGAIN_DAYS],
  )
  return row ?? null
}

export async function noteEnrichmentAsked(tx: Tx, leadId: string): Promise<void> {
  await tx.query('update lead set enrichment_asked_at = now() where id = $1::uuid', [leadId])
}

/** What an answer may say; everything absent, null or blank is unknown. */
export type EnrichmentAnswer = Partial<
  Record<
    | 'firstName'
    | 'lastName'
    | 'company'
    | 'title'
    | 'industry'
    | 'headcount'
    | 'email'
    | 'phone'
    | 'linkedinUrl',
    string | number | null | undefined
  >
>

/** A field of a form; longer is no name, title or industry. */
const VALUE_CHARACTERS_MAX = 300

/**
 * `filled`: the lead's blanks changed and it takes the next message_seq, so a score has to follow.
 * `unknown`: erased since, or never of this workspace.
 */
export async function applyEnrichment(
  tx: Tx,
  lead: { workspaceId: string; leadId: string },
  answer: EnrichmentAnswer,
): Promise<'filled' | 'unchanged' | 'unknown'> {
  const [known] = await tx.query(
    'select 1 from lead where id = $1::uuid and workspace_id = $2::uuid for no key update',
    [lead.leadId, lead.workspaceId],
  )
  if (!known) return 'unknown'
  await storeContacts(tx, lead.leadId, contactsOf(answer), 'enrichment')
  const filled = await tx.query(
    `update lead set first_name = coalesce(first_name, $2), last_name = coalesce(last_name, $3),
       company = coalesce(company, $4), title = coalesce(title, $5),
       industry = coalesce(industry, $6), headcount = coalesce(headcount, $7),
       message_seq = message_seq + 1, updated_at = now()
     where id = $1::uuid and (
       first_name is null and $2::text is not null or last_name is null and $3::text is not null
       or company is null and $4::text is not null or title is null and $5::text is not null
       or industry is null and $6::text is not null
       or headcount is null and $7::text is not null
     )
     returning id`,
    [
      lead.leadId,
      textOf(answer.firstName),
      textOf(answer.lastName),
      textOf(answer.company),
      textOf(answer.title),
      textOf(answer.industry),
      textOf(answer.headcount),
    ],
  )
  return filled.length === 1 ? 'filled' : 'unchanged'
}

function textOf(raw: string | number | null | undefined): string | null {
  const text = storableText(String(raw ?? '')).trim()
  return text === '' ? null : text.slice(0, VALUE_CHARACTERS_MAX).toWellFormed()
}

function contactsOf({ email, phone, linkedinUrl }: EnrichmentAnswer): Contact[] {
  const found = [
    { kind: 'email' as const, value: normalizeEmail(textOf(email)) },
    { kind: 'phone' as const, value: normalizePhone(textOf(phone)) },
    { kind: 'linkedin' as const, value: normalizeLinkedinUrl(textOf(linkedinUrl)) },
  ]
  return found.flatMap(({ kind, value }) => (value === null ? [] : [{ kind, value }]))
}
