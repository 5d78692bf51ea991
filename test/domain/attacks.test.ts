import * as assert from 'uvu/assert'
import { plainReasoning } from '../../src/clients/openai.ts'
import type { Database } from '../../src/database.ts'
import { draftQuestion } from '../../src/domain/drafts/draft-prompt.ts'
import { storeGroup } from '../../src/domain/ingest/store-group.ts'
import { buildPrompt, type PromptItem } from '../../src/domain/scoring/prompt.ts'
import type { ScoringRequest } from '../../src/domain/scoring/score.ts'
import { readScoringInput } from '../../src/domain/scoring/scoring-input.ts'
import { boundTranscript } from '../../src/domain/scoring/transcript.ts'
import { sentimentQuestion } from '../../src/domain/sentiment-prompt.ts'
import { storableText } from '../../src/domain/text/storable-text.ts'
import { readAttacks } from '../../src/eval/attacks.ts'
import { attackLines } from '../support/attacks.ts'
import { testDatabase } from '../support/database.ts'
import { makeWorkspace, offeredEvent } from '../support/events.ts'
import { suite } from '../support/suite.ts'

const test = suite('hostile text')
let database: Database
test.before(async () => {
  database = await testDatabase()
})
test.after(() => database.close())

const MARKER = '0123456789abcdef0123456789abcdef'
const attacks = readAttacks().map(({ id, text }) => ({
  id,
  text: text.replaceAll('{{marker}}', MARKER),
}))

function request(text: string): ScoringRequest {
  const entry = { channel: 'email', kind: 'text', at: new Date('2026-01-06T14:03:00Z') } as const
  return {
    workspaceId: 'w1',
    leadId: 'l1',
    context: {
      companyName: 'Northpeak',
      serviceDescription: 'Route planning',
      idealCustomerProfile: 'Freight',
      qualificationQuestions: ['How many trucks?'],
    },
    lead: { name: text, company: text, title: text, industry: text, headcount: text },
    transcript: boundTranscript([
      { ...entry, direction: 'outbound', subject: null, body: 'Shall we talk?' },
      { ...entry, direction: 'inbound', subject: text, body: text },
    ]),
  }
}

/** Every prompt that a message of a lead can get into. */
const prompts: Record<string, (text: string) => { instructions: string; input: PromptItem[] }> = {
  score: (text) => buildPrompt(request(text), MARKER),
  sentiment: (text) =>
    sentimentQuestion(
      { workspaceId: 'w1', channel: 'email', subject: text, body: text, ourLast: text },
      MARKER,
    ),
  draft: (text) =>
    draftQuestion({ channel: 'email', sentimentTag: 'Interested', request: request(text) }, MARKER),
}

test('the fixture is what templates and encodings make, at least 200', () => {
  assert.equal(
    readAttacks().map((attack) => JSON.stringify(attack)),
    attackLines(),
  )
  assert.ok(attacks.length >= 200, String(attacks.length))
  assert.is(new Set(attacks.map(({ id }) => id)).size, attacks.length)
})

for (const [name, build] of Object.entries(prompts)) {
  test(`${name}: no attack forges the envelope or reaches outside of it`, () => {
    const usual = build('Hello')
    for (const { id, text } of attacks) {
      const { instructions, input } = build(text)
      assert.is(instructions, usual.instructions, id)
      assert.equal(
        input.map(({ role }) => role),
        usual.input.map(({ role }) => role),
      )
      input.forEach(({ role, content }, index) => {
        if (role === 'developer') {
          assert.is(content, usual.input[index]?.content, id)
          return
        }
        const [, , json] =
          new RegExp(`^BEGIN (\\w+) ${MARKER}\\n(.*)\\nEND \\1 ${MARKER}$`).exec(content) ?? []
        assert.is(content.split(/[\n\r\u2028\u2029\u0085\v\f]/).length, 3, `${id}: lines`)
        assert.is(content.split(MARKER).length, 3, `${id}: markers`)
        const document: unknown = JSON.parse(json ?? '')
        const same: unknown = JSON.parse(usual.input[index]?.content.split('\n')[1] ?? '')
        // Fewer when a long message left no room; more would be a forged one.
        if (Array.isArray(document)) {
          assert.ok(document.length <= (same as unknown[]).length, id)
        } else assert.equal(Object.keys(document as object), Object.keys(same as object), id)
        assert.not.match(
          json ?? '',
          /[\u200b-\u200f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u,
        )
      })
    }
  })
}

test('what is shown is plain text, even when the model only repeats the attack', () => {
  const draft = draftQuestion(
    { channel: 'email', sentimentTag: 'Interested', request: request('Hello') },
    MARKER,
  )
  for (const { id, text } of attacks) {
    const read = draft.read(JSON.stringify({ reply: text }))
    for (const shown of [plainReasoning(text), 'value' in read ? read.value : '']) {
      assert.ok(shown.length <= 1500, id)
      assert.not.match(shown, /<[a-z/!?]|:\/\/|\]\(|javascript:|[*`]/i, id)
      assert.not.match(shown, /(?!\n)[\p{Cc}\p{Default_Ignorable_Code_Point}]/u, id)
    }
  }
})

test('no attack is an answer of its own to the sentiment question', () => {
  const about = {
    workspaceId: 'w1',
    channel: 'email',
    subject: null,
    body: 'x',
    ourLast: null,
  } as const
  const { read } = sentimentQuestion(about, MARKER)
  for (const { id, text } of attacks) assert.ok('invalid' in read(text), id)
})

test('the prompt of an attacked lead carries nothing of another lead and no secret', async () => {
  const workspace = (await makeWorkspace(database)).id
  await database.query(
    `update workspace_settings set clay_webhook_url = 'https://canary.example/hook'
     where workspace_id = $1`,
    [workspace],
  )
  await database.query(
    `update connection set sealed_api_key = 'CANARY sealed', sealed_signature = 'CANARY signature'
     where workspace_id = $1`,
    [workspace],
  )
  const secrets = await database.query<{ hash: string }>(
    'select token_hash as hash from connection where workspace_id = $1',
    [workspace],
  )
  const victim = offeredEvent(workspace, {
    lead: { email: 'canary@other.example', firstName: 'CANARY', company: 'CANARY Inc' },
    body: 'CANARY of another lead',
  })
  /** A transcript holds sixty messages: as many attacks go to one lead. */
  const groups = [...Map.groupBy(attacks.entries(), ([index]) => index % 5).values()]
  for (const [number, group] of groups.entries()) {
    const offered = group.map(([, { text }]) =>
      offeredEvent(workspace, {
        lead: { email: `attacker${number}@harlow.example` },
        body: storableText(text),
      }),
    )
    const stored = await database.transaction((tx) =>
      storeGroup(tx, [victim, ...offered], async () => {}),
    )
    const attacker = stored[1]
    if (attacker?.status !== 'accepted') throw new Error('not stored')
    const lead = { workspaceId: workspace, leadId: attacker.leadId }
    const input = await readScoringInput(database, lead)
    if (!input) throw new Error('no such lead')
    const subject = {
      channel: 'email',
      sentimentTag: 'Interested',
      request: input.request,
    } as const
    for (const prompt of [buildPrompt(input.request, MARKER), draftQuestion(subject, MARKER)]) {
      const all = JSON.stringify([prompt.instructions, prompt.input])
      assert.not.match(all, /canary/i)
      for (const { hash } of secrets) assert.not.ok(all.includes(hash))
      assert.not.ok(all.includes(workspace))
      assert.not.ok(all.includes(lead.leadId))
    }
  }
})

test.run()
