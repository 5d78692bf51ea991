/** The API of a connection's provider: which ones are asked, and what they take to be asked. */
import { z } from 'zod'
import type { ProviderName } from '../domain/channels/inbound-event.ts'
import { isPublicUrl } from '../domain/public-address.ts'
import { fieldProblem } from './problem.ts'

/** Providers whose API tells what our side sent; `address` where every customer has another one. */
const providerApis: Partial<Record<ProviderName, { address: 'own' | 'public' }>> = {
  emailbison: { address: 'own' },
  unipile: { address: 'own' },
  gohighlevel: { address: 'public' },
  smartlead: { address: 'public' },
  instantly: { address: 'public' },
}

const keyTakes = 'takes an API key of 1 to 2000 characters without blanks, or null'
const urlTakes = 'takes the https URL of a public host, or null'

/** Fields of creating and changing a connection; spread them into a strictObject. */
export const providerApiFields = {
  apiKey: z
    .string(keyTakes)
    .regex(/^[\x21-\x7e]{1,2000}$/, keyTakes)
    .nullable()
    .optional()
    .meta({ description: "Key of the provider's API; kept sealed, never shown" }),
  apiBaseUrl: z
    .string(urlTakes)
    .max(500, urlTakes)
    .refine(isPublicUrl, urlTakes)
    .overwrite((url) => url.replace(/\/+$/, ''))
    .nullable()
    .optional()
    .meta({ description: 'Where the API is; needed for emailbison and unipile' }),
}

/** Throws the problem that names the field. */
export function checkProviderApi(
  provider: ProviderName,
  given: { apiKey?: string | null | undefined; apiBaseUrl?: string | null | undefined },
): void {
  const api = providerApis[provider]
  if (given.apiBaseUrl && !api) {
    throw fieldProblem('apiBaseUrl', `${provider} has no API that is asked: leave it out`)
  }
  if (!given.apiKey) return
  if (!api) throw fieldProblem('apiKey', `${provider} has no API that is asked: leave it out`)
  if (api.address === 'own' && !given.apiBaseUrl) {
    throw fieldProblem('apiBaseUrl', `takes the https URL of your ${provider} instance`)
  }
}
