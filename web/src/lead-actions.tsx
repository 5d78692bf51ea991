/** What a person may do with a lead. Each asks the API; the new score comes over the feed. */
import { useRef, useState } from 'preact/hooks'
import type { Api } from './api.ts'
import type { LeadDetail } from './lead-detail.ts'
import { type Action, useAction } from './loading.ts'

interface LeadActionsProps {
  client: Api
  lead: LeadDetail
  onChanged(): void
  onErased(): void
}

export function LeadActions({ client, lead, onChanged, onErased }: LeadActionsProps) {
  const action = useAction()
  const post = (verb: string, body?: unknown) =>
    action.run(async () => {
      await client.send('POST', `/api/v1/leads/${lead.id}/${verb}`, body)
      onChanged()
    })
  return (
    <div class="actions">
      <button type="button" disabled={action.busy} onClick={() => post('rescore')}>
        Score again
      </button>
      {lead.disqualifiedReason ? (
        <button type="button" disabled={action.busy} onClick={() => post('requalify')}>
          Requalify
        </button>
      ) : (
        <Disqualify action={action} onDisqualify={(reason) => post('disqualify', { reason })} />
      )}
      <Erase
        action={action}
        onErase={() =>
          action.run(async () => {
            await client.send('DELETE', `/api/v1/leads/${lead.id}`)
            onErased()
          })
        }
      />
      {action.error && (
        <p class="problem" role="alert">
          {action.error}
        </p>
      )}
    </div>
  )
}

interface DisqualifyProps {
  action: Action
  onDisqualify(reason: string): void
}

function Disqualify({ action, onDisqualify }: DisqualifyProps) {
  const [reason, setReason] = useState('')
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <>
      <button type="button" disabled={action.busy} onClick={() => dialog.current?.showModal()}>
        Disqualify…
      </button>
      <dialog ref={dialog} aria-labelledby="disqualify-title">
        <form
          method="dialog"
          onSubmit={() => {
            if (reason.trim()) onDisqualify(reason.trim())
          }}
        >
          <h3 id="disqualify-title">Disqualify this lead</h3>
          <p class="muted">It is scored 1 without asking a model, until it is requalified.</p>
          <label for="disqualify-reason">Reason</label>
          <input
            id="disqualify-reason"
            type="text"
            required
            maxLength={500}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
          <p class="row">
            <button type="submit" class="primary">
              Disqualify
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </p>
        </form>
      </dialog>
    </>
  )
}

function Erase({ action, onErase }: { action: Action; onErase(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <>
      <button
        type="button"
        class="quiet"
        disabled={action.busy}
        onClick={() => dialog.current?.showModal()}
      >
        Erase…
      </button>
      <dialog ref={dialog} aria-labelledby="erase-title">
        <form method="dialog" onSubmit={onErase}>
          <h3 id="erase-title">Erase this person everywhere?</h3>
          <p>Messages, scores and identities are deleted. This cannot be undone.</p>
          <p class="row">
            <button type="submit" class="primary">
              Erase
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </p>
        </form>
      </dialog>
    </>
  )
}
