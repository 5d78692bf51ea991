/** The provider APIs that know what our side sent, by provider. */
import type { Outside } from '../domain/post-process/outside.ts'
import { emailbisonTranscripts } from './emailbison.ts'
import { gohighlevelTranscripts } from './gohighlevel.ts'
import { instantlyTranscripts } from './instantly.ts'
import type { Outbound } from './outbound.ts'
import { smartleadTranscripts } from './smartlead.ts'
import { unipileTranscripts } from './unipile.ts'

export function transcriptSources(outbound: Outbound): Outside['transcripts'] {
  return {
    emailbison: emailbisonTranscripts(outbound),
    gohighlevel: gohighlevelTranscripts(outbound),
    smartlead: smartleadTranscripts(outbound),
    instantly: instantlyTranscripts(outbound),
    unipile: unipileTranscripts(outbound),
  }
}
