/** What a connection looks like on the wire; its token appears in two answers only. */
import { z } from 'zod'
import { channels, providerNames } from '../domain/channels/inbound-event.ts'
import { id, time } from './fields.ts'

const channel = z.enum(channels)
const provider = z.enum(providerNames)
const token = z.string().meta({ description: 'Shown only in this answer' })
const url = z.string().meta({ description: 'Where the provider sends; secret like the token' })

export const connectionSchema = z
  .strictObject({
    id,
    channel,
    provider,
    name: z.string(),
    signed: z.boolean().meta({ description: 'Deliveries need a valid provider signature' }),
    apiConfigured: z.boolean().meta({
      description: 'An API key is kept: missing messages of our side are fetched',
    }),
    apiBaseUrl: z.string().nullable(),
    enabled: z.boolean(),
    createdAt: time,
    previousTokenExpiresAt: time.nullable().meta({
      description: 'Until then the token before the last rotation works too',
    }),
  })
  .meta({ id: 'Connection' })

export const madeConnectionSchema = z
  .strictObject({
    id,
    webhookUrl: url,
    token,
    channel,
    provider,
    name: z.string(),
    createdAt: time,
  })
  .meta({ id: 'NewConnection' })

export const rotatedConnectionSchema = z
  .strictObject({ id, webhookUrl: url, token, previousTokenExpiresAt: time })
  .meta({ id: 'RotatedConnection' })

export function webhookUrl(
  publicUrl: string,
  connection: { channel: string; token: string },
): string {
  return `${publicUrl}/webhooks/${connection.channel}/${connection.token}`
}
