import * as assert from 'uvu/assert'
import { hashToken } from '../../src/domain/tokens.ts'
import {
  type Answer,
  PUBLIC_URL,
  sealing,
  type TestApi,
  testApi,
  testWorkspace,
} from '../support/api.ts'
import { suite } from '../support/suite.ts'

const connections = suite('connections')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>

connections.before(async () => {
  api = await testApi()
  workspace = await testWorkspace(api, 'First')
})
connections.after(() => api.close())

const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
  api.call(method, `/api/v1/connections${path}`, { token: workspace.tokens.member, body })
const create = (body: unknown) => call('POST', '', body)
const errorsOf = async (body: unknown) => {
  const answer = await create(body)
  assert.is(answer.status, 400, answer.text)
  return answer.body.errors as { field: string; message: string }[]
}
const rowOf = async (id: string) => {
  const [row] = await api.database.query<Record<string, string | null>>(
    'select token_hash, previous_token_hash, sealed_signature from connection where id = $1::uuid',
    [id],
  )
  return row
}

connections('a new connection is answered with its webhook URL and kept without it', async () => {
  const { status, body } = await create({ channel: 'sms', provider: 'twilio', name: ' Main line ' })
  assert.is(status, 201)
  assert.equal(Object.keys(body).sort(), [
    'channel',
    'createdAt',
    'id',
    'name',
    'provider',
    'token',
    'webhookUrl',
  ])
  assert.match(body.token, /^lp_[\w-]{43}$/)
  assert.is(body.webhookUrl, `${PUBLIC_URL}/webhooks/sms/${body.token}`)
  assert.is(body.name, 'Main line')
  assert.equal(await rowOf(body.id), {
    token_hash: hashToken(body.token),
    previous_token_hash: null,
    sealed_signature: null,
  })
})

connections('the list shows every connection and no secret', async () => {
  const signature = { secret: 'a-secret-to-sign-with' }
  const made = await create({ channel: 'email', provider: 'generic', name: 'Signed', signature })
  const { status, body, text } = await call('GET', '')
  assert.is(status, 200)
  const shown = body.items.find(({ id }: { id: string }) => id === made.body.id)
  assert.equal(shown, {
    id: made.body.id,
    channel: 'email',
    provider: 'generic',
    name: 'Signed',
    signed: true,
    apiConfigured: false,
    apiBaseUrl: null,
    enabled: true,
    createdAt: made.body.createdAt,
    previousTokenExpiresAt: null,
  })
  assert.not.match(text, /lp_|token_hash|sealed|a-secret/)
  const ready = body.items.slice(0, 5)
  assert.equal(
    ready.map(({ channel }: { channel: string }) => channel),
    ['email', 'sms', 'linkedin', 'smartlead', 'instantly'],
  )
})

connections('a signature is kept sealed and opens for its connection', async () => {
  const signature = { secret: 'a-secret-to-sign-with' }
  const { body } = await create({ channel: 'sms', provider: 'generic', name: 'Signed', signature })
  const sealed = (await rowOf(body.id))?.sealed_signature ?? ''
  assert.match(sealed, /^v1\./)
  assert.equal(sealing.open(sealed, body.id), signature)
})

connections('a provider of another channel is refused with those that fit', async () => {
  const [error] = await errorsOf({ channel: 'sms', provider: 'postmark', name: 'x' })
  assert.is(error?.field, 'provider')
  assert.match(error?.message ?? '', /takes one of .*twilio/)
})

connections('a signature the provider does not know is refused by field', async () => {
  const generic = { channel: 'email', provider: 'generic', name: 'x' }
  const fields = async (signature: unknown) =>
    (await errorsOf({ ...generic, signature })).map(({ field }) => field).sort()
  assert.equal(await fields({}), ['signature.secret'])
  assert.equal(await fields({ secret: 'short' }), ['signature.secret'])
  assert.equal(await fields({ secret: 'a-secret-to-sign-with', extra: 1 }), ['signature.extra'])
  assert.equal(await fields('a-secret-to-sign-with'), ['signature'])
})

connections('a signature for a provider that signs nothing is refused', async () => {
  const [error] = await errorsOf({
    channel: 'email',
    provider: 'emailbison',
    name: 'x',
    signature: { secret: 'a-secret-to-sign-with' },
  })
  assert.is(error?.field, 'signature')
})

connections('every wrong field of a new connection is named', async () => {
  const fields = (await errorsOf({ channel: 'fax', provider: 'acme', name: ' ', more: 1 })).map(
    ({ field }) => field,
  )
  assert.equal(fields.sort(), ['channel', 'more', 'name', 'provider'])
  assert.equal((await errorsOf({})).length, 3)
})

connections(
  'a rotation keeps the token before for a day and ends the one before that',
  async () => {
    const { body: made } = await create({ channel: 'email', provider: 'postmark', name: 'x' })
    const before = Date.now()
    const first = await call('POST', `/${made.id}/rotate`)
    assert.is(first.status, 200)
    assert.is.not(first.body.token, made.token)
    assert.is(first.body.webhookUrl, `${PUBLIC_URL}/webhooks/email/${first.body.token}`)
    const hours = (Date.parse(first.body.previousTokenExpiresAt) - before) / 3_600_000
    assert.ok(hours > 23.9 && hours < 24.1, `${hours} hours`)
    assert.equal(await rowOf(made.id), {
      token_hash: hashToken(first.body.token),
      previous_token_hash: hashToken(made.token),
      sealed_signature: null,
    })

    api.calls.forgottenConnections.length = 0
    const second = await call('POST', `/${made.id}/rotate`)
    assert.is((await rowOf(made.id))?.token_hash, hashToken(second.body.token))
    assert.is((await rowOf(made.id))?.previous_token_hash, hashToken(first.body.token))
    assert.equal(
      api.calls.forgottenConnections.sort(),
      [hashToken(first.body.token), hashToken(made.token)].sort(),
    )
  },
)

connections('the list tells until when a rotated token works', async () => {
  const { body: made } = await create({ channel: 'email', provider: 'postmark', name: 'x' })
  const { body: rotated } = await call('POST', `/${made.id}/rotate`)
  const expiryOf = async () =>
    (await call('GET', '?limit=200')).body.items.find(({ id }: { id: string }) => id === made.id)
      .previousTokenExpiresAt
  assert.is(await expiryOf(), rotated.previousTokenExpiresAt)
  await api.database.query(
    `update connection set previous_token_expires_at = now() - interval '1 second'
     where id = $1::uuid`,
    [made.id],
  )
  assert.is(await expiryOf(), null)
})

connections('a deleted connection is gone and its tokens are forgotten', async () => {
  const { body: made } = await create({ channel: 'email', provider: 'postmark', name: 'x' })
  api.calls.forgottenConnections.length = 0
  const deleted = await call('DELETE', `/${made.id}`)
  assert.is(deleted.status, 204)
  assert.is(deleted.text, '')
  assert.equal(api.calls.forgottenConnections, [hashToken(made.token)])
  assert.is((await call('DELETE', `/${made.id}`)).status, 404)
  assert.is((await call('POST', `/${made.id}/rotate`)).status, 404)
})

connections('a viewer sees connections and changes none', async () => {
  const { viewer: token } = workspace.tokens
  const id = workspace.connections[0]?.id
  const statusOf = async (method: string, path: string, body?: object) =>
    (await api.call(method, `/api/v1/connections${path}`, { token, body })).status
  assert.is(await statusOf('GET', ''), 200)
  assert.is(await statusOf('POST', '', { channel: 'sms', provider: 'twilio', name: 'x' }), 403)
  assert.is(await statusOf('POST', `/${id}/rotate`), 403)
  assert.is(await statusOf('DELETE', `/${id}`), 403)
})

connections('a provider key is kept sealed, shown by no route, and can be taken away', async () => {
  const apiBaseUrl = 'https://send.northpeak.dev'
  const made = await create({
    channel: 'email',
    provider: 'emailbison',
    name: 'With API',
    apiKey: 'eb-key-1',
    apiBaseUrl: `${apiBaseUrl}/`,
  })
  assert.is(made.status, 201, made.text)
  const { id } = made.body
  const sealedOf = async () => {
    const [row] = await api.database.query<{ key: string | null }>(
      'select sealed_api_key as key from connection where id = $1::uuid',
      [id],
    )
    return row?.key ?? null
  }
  const sealed = await sealedOf()
  assert.not.match(sealed ?? '', /eb-key-1/)
  assert.is(sealing.open(sealed ?? '', id), 'eb-key-1')
  const renamed = await call('PATCH', `/${id}`, { name: 'Renamed' })
  assert.is(renamed.status, 200, renamed.text)
  assert.equal(
    [renamed.body.name, renamed.body.apiConfigured, renamed.body.apiBaseUrl],
    ['Renamed', true, apiBaseUrl],
  )
  assert.not.match(renamed.text, /eb-key-1|sealed/)
  // Otherwise whoever may not read the key could have it sent to a host of their own.
  const moved = await call('PATCH', `/${id}`, { apiBaseUrl: 'https://evil.example.net' })
  assert.is(moved.status, 400)
  assert.is(moved.body.errors[0].field, 'apiKey')
  const cleared = await call('PATCH', `/${id}`, { apiKey: null })
  assert.is(cleared.body.apiConfigured, false)
  assert.is(await sealedOf(), null)
  assert.is((await call('PATCH', `/${workspace.id}`, { name: 'x' })).status, 404)
})

connections('a wrong API key or address is refused by its field', async () => {
  const eb = { channel: 'email', provider: 'emailbison', name: 'x' }
  const refused: [unknown, string][] = [
    [{ ...eb, apiKey: 'k' }, 'apiBaseUrl'],
    [{ ...eb, apiKey: 'a b', apiBaseUrl: 'https://send.northpeak.dev' }, 'apiKey'],
    [{ ...eb, apiKey: 'k', apiBaseUrl: 'https://127.0.0.1:8080' }, 'apiBaseUrl'],
    [{ ...eb, apiKey: 'k', apiBaseUrl: 'http://send.northpeak.dev' }, 'apiBaseUrl'],
    [{ channel: 'sms', provider: 'twilio', name: 'x', apiKey: 'k' }, 'apiKey'],
  ]
  for (const [body, field] of refused) {
    assert.equal(
      (await errorsOf(body)).map((error) => error.field),
      [field],
    )
  }
})

connections.run()
