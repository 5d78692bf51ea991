/** The providers by name, and which of them a channel takes. */
import { emailbison } from './emailbison.ts'
import { generic } from './generic.ts'
import { gohighlevel } from './gohighlevel.ts'
import { type Channel, type Provider, type ProviderName, providerNames } from './inbound-event.ts'
import { instantly } from './instantly.ts'
import { postmark } from './postmark.ts'
import { smartlead } from './smartlead.ts'
import { twilio } from './twilio.ts'
import { unipile } from './unipile.ts'

export const providers: Readonly<Record<ProviderName, Provider>> = {
  emailbison,
  postmark,
  gohighlevel,
  twilio,
  unipile,
  smartlead,
  instantly,
  generic,
}

/** null: no such provider, or not one of this channel. */
export function providerFor(channel: Channel, name: string): Provider | null {
  const known = providerNames.find((provider) => provider === name)
  const provider = known ? providers[known] : null
  return provider?.channels.includes(channel) ? provider : null
}

/** Names valid on a channel, its own providers first. */
export function providersOf(channel: Channel): ProviderName[] {
  return providerNames.filter((name) => providers[name].channels.includes(channel))
}
