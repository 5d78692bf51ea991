/** The connections that the simulated providers send to: found by name and rotated, or made. */
import { z } from 'zod'
import type { Api } from '../cli/api.ts'
import { type FormatName, formatNames } from './payloads/format.ts'
import { formats } from './payloads/formats.ts'

const connectionSchema = z.object({
  id: z.string(),
  channel: z.string(),
  provider: z.string(),
  name: z.string(),
})
const urlSchema = z.object({ webhookUrl: z.string() })

/** Path of the webhook URL per format; formats of one provider share a connection. */
export async function openConnections(api: Api): Promise<Map<FormatName, string>> {
  const known = await api.list('/api/v1/connections', connectionSchema)
  const paths = new Map<string, string>()
  for (const format of formatNames) {
    const { channel, provider } = formats[format]
    if (paths.has(provider)) continue
    const name = `simulate ${provider}`
    const found = known.find(
      (each) => each.name === name && each.channel === channel && each.provider === provider,
    )
    const { webhookUrl } = found
      ? await api.post(`/api/v1/connections/${found.id}/rotate`, {}, urlSchema)
      : await api.post('/api/v1/connections', { channel, provider, name }, urlSchema)
    // Host and prefix may be the public ones, which this machine need not reach.
    paths.set(provider, webhookUrl.slice(webhookUrl.lastIndexOf('/webhooks/')))
  }
  return new Map(formatNames.map((format) => [format, paths.get(formats[format].provider) ?? '/']))
}
