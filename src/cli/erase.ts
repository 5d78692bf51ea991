/** `erase`: removes a person; says first who that is, and does it only when told twice. */
import type { Command } from 'commander'
import { z } from 'zod'
import { CommandError } from '../command-error.ts'
import type { Config } from '../config.ts'
import { identitiesOf } from '../domain/identity.ts'
import type { Api } from './api.ts'
import { apiOf, print, type ServiceOptions, serviceCommand } from './service.ts'

const leadSchema = z.object({
  id: z.string(),
  firstName: z.string().nullable(),
  lastName: z.string().nullable(),
  company: z.string().nullable(),
  identities: z.array(z.object({ kind: z.string(), value: z.string() })),
})
type Lead = z.infer<typeof leadSchema>
const foundSchema = z.object({ id: z.string() })

export function eraseCommand(config: Config): Command {
  return serviceCommand('erase', config)
    .summary('erase a person: lead, messages, scores, drafts, jobs')
    .description(
      'Finds the lead by id, e-mail address or phone number. Without --yes nothing is changed: it ' +
        'says who would be erased. What was erased cannot be brought back, except from a backup.',
    )
    .argument('<who>', 'id of the lead, e-mail address, or phone number with country code')
    .option('--yes', 'do it')
    .addHelpText(
      'after',
      `
Examples:
  leadpulse erase dana@harlow.example
  leadpulse erase +14155550123 --yes
  leadpulse erase 019b0000-0000-7000-8000-000000000001 --yes
`,
    )
    .action(async (who: string, options: ServiceOptions & { yes?: true }) => {
      const api = apiOf(options, config)
      const lead = await api.get(`/api/v1/leads/${await leadIdOf(api, who)}`, leadSchema)
      const erased = options.yes === true
      if (erased) await api.delete(`/api/v1/leads/${lead.id}`)
      print(options, { leadId: lead.id, erased, identities: lead.identities }, () =>
        erased
          ? `Erased ${describe(lead)}`
          : `Would erase ${describe(lead)}\nThis was a dry run; --yes does it.`,
      )
    })
}

/** By the very identity, never by a part of it. */
async function leadIdOf(api: Api, who: string): Promise<string> {
  if (z.guid().safeParse(who).success) return who.toLowerCase()
  const [identity] = identitiesOf(who.includes('@') ? { email: who } : { phone: who })
  if (!identity) {
    throw new CommandError(
      `${JSON.stringify(who)}: takes the id of a lead, an e-mail address, or a phone number with country code`,
    )
  }
  const query = new URLSearchParams({ q: identity.value })
  for (const { id } of await api.list(`/api/v1/leads?${query}`, foundSchema)) {
    const { identities } = await api.get(`/api/v1/leads/${id}`, leadSchema)
    const isIt = identities.some(
      ({ kind, value }) => kind === identity.kind && value === identity.value,
    )
    if (isIt) return id
  }
  throw new CommandError(`${who}: no lead of this workspace has it`)
}

function describe({ id, firstName, lastName, company, identities }: Lead): string {
  const name = [firstName, lastName].filter(Boolean).join(' ') || 'a lead without a name'
  const lines = identities.map(({ kind, value }) => `  ${kind}: ${value}`)
  return [`${name}${company ? ` of ${company}` : ''} (${id})`, ...lines].join('\n')
}
