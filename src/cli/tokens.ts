/** `tokens`: API tokens of a workspace. */
import { Command, Option } from 'commander'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { roles } from '../domain/entities/access.ts'
import { apiOf, minuteOf, print, type ServiceOptions, serviceCommand, table } from './service.ts'

const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  role: z.string(),
  createdAt: z.string(),
  createdBy: z.string(),
})
const madeSchema = tokenSchema.extend({ token: z.string() })

export function tokensCommand(config: Config): Command {
  return new Command('tokens')
    .summary('API tokens of a workspace: list, create, revoke')
    .description('API tokens of a workspace, from a running service. Takes an admin token.')
    .addCommand(
      serviceCommand('list', config)
        .description('tokens without their secrets, oldest first')
        .action(async (options: ServiceOptions) => {
          const tokens = await apiOf(options, config).list('/api/v1/tokens', tokenSchema)
          print(options, tokens, () => {
            const rows = tokens.map(({ id, name, role, createdAt, createdBy }) => {
              return [id, name, role, minuteOf(createdAt), createdBy]
            })
            return table(['id', 'name', 'role', 'created (UTC)', 'by'], rows)
          })
        }),
    )
    .addCommand(
      serviceCommand('create', config)
        .description('make a token; it is shown this once')
        .requiredOption('--name <name>', 'what it is for')
        .addOption(
          new Option('--role <role>', 'what it may do').choices(roles).makeOptionMandatory(),
        )
        .action(async (options: ServiceOptions & { name: string; role: string }) => {
          const { name, role } = options
          const made = await apiOf(options, config).post(
            '/api/v1/tokens',
            { name, role },
            madeSchema,
          )
          print(
            options,
            made,
            () => `${made.token}\n(${made.role}, id ${made.id}; shown this once)`,
          )
        }),
    )
    .addCommand(
      serviceCommand('revoke', config)
        .description('refuse a token from now on and close its feeds')
        .argument('<id>', 'of the token')
        .action(async (id: string, options: ServiceOptions) => {
          await apiOf(options, config).delete(`/api/v1/tokens/${encodeURIComponent(id)}`)
          print(options, { id, revoked: true }, () => `${id}: revoked`)
        }),
    )
    .addHelpText(
      'after',
      `
Examples:
  leadpulse tokens list
  leadpulse tokens create --name "BI export" --role viewer
  leadpulse tokens revoke 019b0000-0000-7000-8000-000000000001
`,
    )
}
