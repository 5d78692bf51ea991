import * as assert from 'uvu/assert'
import { type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { insertLead, insertMessage, insertScore } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const actions = suite('lead actions')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>
let scoring: (() => Promise<void>) | null = null
let leadId = ''

actions.before(async () => {
  const scored: TestApi['calls']['scored'] = []
  api = await testApi({
    scoreSoon: async (leads) => {
      await scoring?.()
      scored.push(...leads)
    },
  })
  api.calls.scored = scored
  workspace = await testWorkspace(api, 'First')
})
actions.before.each(async () => {
  scoring = null
  api.calls.scored.length = 0
  leadId = await insertLead(api.database, {
    workspaceId: workspace.id,
    overallScore: 3,
    messageSeq: 2,
    identities: [{ kind: 'email', value: `${Date.now()}-${Math.random()}@acme.test` }],
  })
})
actions.after(() => api.close())

const post = (action: string, body?: unknown, id = leadId) =>
  api.call('POST', `/api/v1/leads/${id}/${action}`, { token: workspace.tokens.member, body })
const lead = async () =>
  (await api.call('GET', `/api/v1/leads/${leadId}`, { token: workspace.tokens.viewer })).body
const auditOf = async (action: string) =>
  api.database.query<{ actor: string; detail: unknown }>(
    'select actor, detail from audit_event where action = $1 and target_id = $2',
    [action, leadId],
  )

actions('a re-score makes the lead due and sends its job', async () => {
  const { status, body } = await post('rescore')
  assert.is(status, 202)
  assert.is(body.messageSeq, 3)
  assert.is(body.state, 'pending')
  assert.equal(api.calls.scored, [{ workspaceId: workspace.id, leadId }])
  assert.is((await auditOf('lead.rescore')).length, 1)
})

actions('a re-score unparks a lead whose scoring gave up', async () => {
  await api.database.query(
    `update lead set parked_at = now(), scoring_error = 'timeout', message_seq = 3
     where id = $1::uuid`,
    [leadId],
  )
  assert.is((await lead()).state, 'failed')
  const { body } = await post('rescore')
  assert.is(body.state, 'pending')
  assert.is(body.parkedAt, null)
})

actions('a disqualified lead says why and by whom, and is scored again', async () => {
  const { status, body } = await post('disqualify', { reason: ' Competitor ' })
  assert.is(status, 202)
  assert.is(body.state, 'disqualified')
  assert.is(body.disqualifiedReason, 'Competitor')
  assert.is(body.disqualifiedBy, 'person')
  assert.match(body.disqualifiedAt, /Z$/)
  assert.is(body.messageSeq, 3)
  assert.equal(api.calls.scored, [{ workspaceId: workspace.id, leadId }])
})

actions('the audit trail knows who disqualified, not why: reasons are personal', async () => {
  await post('disqualify', { reason: 'A canary in the audit' })
  const [event] = await auditOf('lead.disqualify')
  assert.match(event?.actor ?? '', /^token:/)
  assert.is(event?.detail, null)
})

actions('the same disqualification again changes nothing and scores nothing', async () => {
  await post('disqualify', { reason: 'Competitor' })
  const { status, body } = await post('disqualify', { reason: 'Competitor' })
  assert.is(status, 202)
  assert.is(body.messageSeq, 3)
  assert.is(api.calls.scored.length, 1)
  assert.is((await auditOf('lead.disqualify')).length, 1)
})

actions('a disqualification is taken back, and only once', async () => {
  await post('disqualify', { reason: 'Competitor' })
  const { status, body } = await post('requalify')
  assert.is(status, 202)
  assert.is(body.disqualifiedReason, null)
  assert.is(body.state, 'pending')
  assert.is(body.messageSeq, 4)
  assert.is((await post('requalify')).body.messageSeq, 4)
  assert.is(api.calls.scored.length, 2)
})

actions('a reason is needed and has bounds', async () => {
  for (const body of [undefined, {}, { reason: '' }, { reason: ' ' }, { reason: 7 }]) {
    const answer = await post('disqualify', body)
    assert.is(answer.status, 400, JSON.stringify(body))
  }
  const long = await post('disqualify', { reason: 'x'.repeat(201) })
  assert.equal(long.body.errors, [{ field: 'reason', message: 'takes at most 200 characters' }])
  assert.is((await post('disqualify', { reason: 'x'.repeat(200) })).status, 202)
})

actions('an empty JSON body is no body', async () => {
  const answer = await api.call('POST', `/api/v1/leads/${leadId}/rescore`, {
    headers: { 'content-type': 'application/json' },
  })
  assert.is(answer.status, 202)
})

actions('a job that cannot be sent does not undo the change: recovery finds the lead', async () => {
  scoring = async () => {
    throw new Error('no queue')
  }
  const { status, body } = await post('rescore')
  assert.is(status, 202)
  assert.is(body.messageSeq, 3)
  assert.is((await lead()).messageSeq, 3)
})

actions('the job is sent after the change has committed', async () => {
  let seen: number | undefined
  scoring = async () => {
    const [row] = await api.database.query<{ seq: unknown }>(
      'select message_seq as seq from lead where id = $1::uuid',
      [leadId],
    )
    seen = Number(row?.seq)
  }
  await post('rescore')
  assert.is(seen, 3)
})

actions('an erased person is gone from every table, and what was billed stays', async () => {
  const ids = { workspaceId: workspace.id, leadId }
  const messageId = await insertMessage(api.database, {
    ...ids,
    body: 'Hi',
    sentAt: '2026-01-06T10:00:00Z',
    seq: 1,
  })
  await insertScore(api.database, { ...ids, seq: 901, messageSeq: 1, overall: 2 })
  await api.database.query(
    `insert into ai_draft (id, workspace_id, lead_id, message_id, channel, body, model,
       prompt_version)
     values (gen_random_uuid(), $1::uuid, $2::uuid, $3::uuid, 'email', 'Dear', 'm', 'v')`,
    [workspace.id, leadId, messageId],
  )
  await api.database.query(
    `insert into ai_interaction (id, workspace_id, lead_id, source, feature_id, prompt_version,
       requested_model, model, outcome, latency_ms)
     values (gen_random_uuid(), $1::uuid, $2::uuid, 's', 'f', 'v', 'm', 'm', 'ok', 1)`,
    [workspace.id, leadId],
  )
  const token = workspace.tokens.member
  const answer = await api.call('DELETE', `/api/v1/leads/${leadId}`, { token })
  assert.is(answer.status, 204)
  for (const table of ['lead_identity', 'message', 'score_event', 'ai_draft', 'ai_interaction']) {
    const rows = await api.database.query(`select 1 from ${table} where lead_id = $1::uuid`, [
      leadId,
    ])
    assert.is(rows.length, 0, table)
  }
  const billed = await api.database.query('select 1 from ai_interaction where lead_id is null')
  assert.is(billed.length, 1)
  assert.equal(api.calls.forgottenJobs, [ids])
  assert.is((await auditOf('lead.erase')).length, 1)
  assert.is((await api.call('DELETE', `/api/v1/leads/${leadId}`, { token })).status, 404)
})

actions('when the jobs cannot be removed nothing is erased', async () => {
  const broken = await testApi({
    forgetJobs: async () => {
      throw new Error('no queue')
    },
  })
  const { id: workspaceId } = await testWorkspace(broken, 'First')
  const id = await insertLead(broken.database, { workspaceId })
  const answer = await broken.call('DELETE', `/api/v1/leads/${id}`)
  const still = await broken.call('GET', `/api/v1/leads/${id}`)
  await broken.close()
  assert.is(answer.status, 500)
  assert.is(still.status, 200)
})

actions('unknown leads are not found and what is no id is named, by every action', async () => {
  for (const action of ['rescore', 'disqualify', 'requalify']) {
    const body = action === 'disqualify' ? { reason: 'x' } : undefined
    const unknown = await post(action, body, '01890a5d-ac96-774b-bcce-b302099a8057')
    assert.is(unknown.status, 404, action)
    const wrong = await post(action, body, '1')
    assert.is(wrong.status, 400, action)
    assert.is(wrong.body.errors[0].field, 'id')
  }
  assert.is(api.calls.scored.length, 0)
})

actions('a viewer does nothing to a lead', async () => {
  const { viewer: token } = workspace.tokens
  const url = `/api/v1/leads/${leadId}`
  assert.is((await api.call('POST', `${url}/rescore`, { token })).status, 403)
  assert.is((await api.call('POST', `${url}/requalify`, { token })).status, 403)
  const body = { reason: 'x' }
  assert.is((await api.call('POST', `${url}/disqualify`, { token, body })).status, 403)
  assert.is((await api.call('DELETE', url, { token })).status, 403)
})

actions.run()
