/** All formats by name. */
import { emailbison } from './emailbison.ts'
import type { Format, FormatName } from './format.ts'
import { generic } from './generic.ts'
import { gohighlevelApp } from './gohighlevel-app.ts'
import { gohighlevelWorkflow } from './gohighlevel-workflow.ts'
import { instantly } from './instantly.ts'
import { postmark } from './postmark.ts'
import { smartlead } from './smartlead.ts'
import { twilio } from './twilio.ts'
import { unipile } from './unipile.ts'

export const formats: Readonly<Record<FormatName, Format>> = {
  emailbison,
  postmark,
  'gohighlevel app': gohighlevelApp,
  'gohighlevel workflow': gohighlevelWorkflow,
  twilio,
  unipile,
  smartlead,
  instantly,
  generic,
}

/**
 * Where a lead of one format may write next: the service finds the person again by an address both
 * payloads carry.
 */
export const nextFormats: Readonly<Record<FormatName, readonly FormatName[]>> = {
  emailbison: ['unipile', 'postmark', 'smartlead'],
  postmark: ['gohighlevel workflow', 'emailbison'],
  'gohighlevel app': ['twilio', 'gohighlevel workflow'],
  'gohighlevel workflow': ['postmark', 'gohighlevel app'],
  twilio: ['gohighlevel app', 'generic'],
  unipile: ['emailbison'],
  smartlead: ['instantly', 'generic'],
  instantly: ['generic', 'postmark'],
  generic: ['twilio', 'instantly'],
}
