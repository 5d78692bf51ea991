/** What the workspace is about, who may send to it, what was refused, and who has a token. */
import type { Api, Status } from './api.ts'
import { ConnectionsPanel } from './connections-panel.tsx'
import { RejectedPanel } from './rejected-panel.tsx'
import type { View } from './session.ts'
import { SettingsForm } from './settings-form.tsx'
import { TokensPanel } from './tokens-panel.tsx'

interface SettingsViewProps {
  client: Api
  status: Status | null
  onView(view: View): void
}

export function SettingsView({ client, status, onView }: SettingsViewProps) {
  return (
    <div class="settings">
      <h2>Settings</h2>
      <SettingsForm client={client} model={status?.model?.inUse ?? null} />
      <ConnectionsPanel {...{ client, onView }} />
      <RejectedPanel client={client} />
      <TokensPanel client={client} />
    </div>
  )
}
