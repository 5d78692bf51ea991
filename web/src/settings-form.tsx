/** The settings of the workspace; a refused value is said at its field. */
import { useEffect, useState } from 'preact/hooks'
import { type Api, ApiError } from './api.ts'
import { messageOf, useLoaded } from './loading.ts'
import { SettingsPreview } from './settings-preview.tsx'

export interface Settings {
  companyName: string | null
  serviceDescription: string | null
  idealCustomerProfile: string | null
  qualificationQuestions: string[]
  quietMs: number | null
  maxWaitMs: number | null
  draftsEnabled: boolean
  monthlyAiBudgetUsd: number | null
  clayWebhookUrl: string | null
  effective: { quietMs: number; maxWaitMs: number }
}

/** As typed: texts, so that a half-typed number is nobody's error yet. */
type Draft = Record<Field, string> & { draftsEnabled: boolean }
type Field =
  | 'companyName'
  | 'serviceDescription'
  | 'idealCustomerProfile'
  | 'qualificationQuestions'
  | 'quietMs'
  | 'maxWaitMs'
  | 'monthlyAiBudgetUsd'
  | 'clayWebhookUrl'

interface FieldText {
  name: Field
  label: string
  help: string
  lines?: number
  type?: 'number' | 'url'
}

const fields: FieldText[] = [
  { name: 'companyName', label: 'Company', help: 'Who you are, as the model should know you.' },
  {
    name: 'serviceDescription',
    label: 'What you sell',
    help: 'One or two sentences.',
    lines: 3,
  },
  {
    name: 'idealCustomerProfile',
    label: 'Ideal customer profile',
    help: 'Industry, size, role, place: fit is judged against this.',
    lines: 4,
  },
  {
    name: 'qualificationQuestions',
    label: 'Qualification questions',
    help: 'One a line. Answers to them count for fit.',
    lines: 3,
  },
  {
    name: 'quietMs',
    label: 'Quiet window (ms)',
    help: 'A lead is scored when it was quiet this long. Empty: the default.',
    type: 'number',
  },
  {
    name: 'maxWaitMs',
    label: 'Longest wait (ms)',
    help: 'Scored at latest this long after its first unscored message. Empty: the default.',
    type: 'number',
  },
  {
    name: 'monthlyAiBudgetUsd',
    label: 'AI budget per month (USD)',
    help: 'Empty: no limit.',
    type: 'number',
  },
  {
    name: 'clayWebhookUrl',
    label: 'Clay webhook URL',
    help: 'New leads are sent there for enrichment. Empty: none.',
    type: 'url',
  },
]

interface SettingsFormProps {
  client: Api
  /** Null: the rules score. */
  model: string | null
}

export function SettingsForm({ client, model }: SettingsFormProps) {
  const settings = useLoaded(() => client.get<Settings>('/api/v1/settings'), [client])
  const [draft, setDraft] = useState<Draft | null>(null)
  const [errors, setErrors] = useState<Record<string, string>>({})
  const [said, setSaid] = useState<{ ok: boolean; text: string } | null>(null)
  const { value } = settings
  useEffect(() => {
    if (value) setDraft(asTyped(value))
  }, [value])

  async function save(typed: Draft): Promise<void> {
    setErrors({})
    setSaid(null)
    try {
      await client.send('PUT', '/api/v1/settings', asSent(typed))
      setSaid({ ok: true, text: 'Saved. Leads are judged by this from their next score on.' })
      settings.reload()
    } catch (error) {
      if (error instanceof ApiError) setErrors(error.fields)
      setSaid({ ok: false, text: messageOf(error) })
    }
  }

  return (
    <section aria-labelledby="workspace">
      <h3 id="workspace">Workspace</h3>
      {settings.error && <p class="problem">{settings.error}</p>}
      {draft && (
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault()
            void save(draft)
          }}
        >
          {fields.map((field) => (
            <TextField
              key={field.name}
              field={field}
              value={draft[field.name]}
              error={errors[field.name]}
              placeholder={placeholderOf(field.name, value)}
              onInput={(text) => setDraft({ ...draft, [field.name]: text })}
            />
          ))}
          <label class="check">
            <input
              type="checkbox"
              checked={draft.draftsEnabled}
              onChange={(event) =>
                setDraft({ ...draft, draftsEnabled: event.currentTarget.checked })
              }
            />
            Draft replies to positive messages (shown to people, never sent)
          </label>
          <p class="row">
            <button type="submit" class="primary">
              Save
            </button>
            {said && (
              <span role="status" class={said.ok ? 'muted' : 'failed'}>
                {said.text}
              </span>
            )}
          </p>
        </form>
      )}
      {draft && <SettingsPreview {...{ client, model }} settings={() => judgedBy(draft)} />}
    </section>
  )
}

interface TextFieldProps {
  field: FieldText
  value: string
  error: string | undefined
  placeholder: string | undefined
  onInput(text: string): void
}

function TextField({ field, value, error, placeholder, onInput }: TextFieldProps) {
  const { name, label, help, lines, type = 'text' } = field
  const shared = {
    id: `s-${name}`,
    value,
    'aria-describedby': `h-${name}`,
    'aria-invalid': error !== undefined,
  }
  return (
    <div class="field">
      <label for={shared.id}>{label}</label>
      {lines ? (
        <textarea
          {...shared}
          rows={lines}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      ) : (
        <input
          {...shared}
          // Not type="number": it hides what was typed wrongly instead of having it named.
          type="text"
          inputMode={type === 'number' ? 'decimal' : type}
          {...(placeholder && { placeholder })}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
      <p id={`h-${name}`} class={error ? 'failed' : 'muted'}>
        {error ?? help}
      </p>
    </div>
  )
}

function placeholderOf(name: Field, settings: Settings | undefined): string | undefined {
  if (name !== 'quietMs' && name !== 'maxWaitMs') return undefined
  return settings && String(settings.effective[name])
}

const asTyped = (settings: Settings): Draft => ({
  companyName: settings.companyName ?? '',
  serviceDescription: settings.serviceDescription ?? '',
  idealCustomerProfile: settings.idealCustomerProfile ?? '',
  qualificationQuestions: settings.qualificationQuestions.join('\n'),
  quietMs: String(settings.quietMs ?? ''),
  maxWaitMs: String(settings.maxWaitMs ?? ''),
  monthlyAiBudgetUsd: String(settings.monthlyAiBudgetUsd ?? ''),
  clayWebhookUrl: settings.clayWebhookUrl ?? '',
  draftsEnabled: settings.draftsEnabled,
})

function asSent(typed: Draft): Record<string, unknown> {
  const text = (value: string) => value.trim() || null
  // What is no number goes as it is: the answer names the field and what it takes.
  const number = (value: string) => (value.trim() === '' ? null : numberOr(value))
  const lines = typed.qualificationQuestions.split('\n').map((line) => line.trim())
  return {
    companyName: text(typed.companyName),
    serviceDescription: text(typed.serviceDescription),
    idealCustomerProfile: text(typed.idealCustomerProfile),
    qualificationQuestions: lines.filter((line) => line !== ''),
    quietMs: number(typed.quietMs),
    maxWaitMs: number(typed.maxWaitMs),
    monthlyAiBudgetUsd: number(typed.monthlyAiBudgetUsd),
    clayWebhookUrl: text(typed.clayWebhookUrl),
    draftsEnabled: typed.draftsEnabled,
  }
}

/** The part of it that a score depends on. */
function judgedBy(typed: Draft): Record<string, unknown> {
  const { companyName, serviceDescription, idealCustomerProfile, qualificationQuestions } =
    asSent(typed)
  return { companyName, serviceDescription, idealCustomerProfile, qualificationQuestions }
}

const numberOr = (text: string) => (Number.isNaN(Number(text)) ? text : Number(text))
