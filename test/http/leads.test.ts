import * as assert from 'uvu/assert'
import { type Answer, type TestApi, testApi, testWorkspace } from '../support/api.ts'
import { insertLead, insertMessage, insertScore, type LeadToInsert } from '../support/lead-rows.ts'
import { suite } from '../support/suite.ts'

const leads = suite('leads')
let api: TestApi
let workspace: Awaited<ReturnType<typeof testWorkspace>>
const ids: Record<string, string> = {}

const people: Record<string, Omit<LeadToInsert, 'workspaceId'>> = {
  ada: {
    firstName: 'Ada',
    lastName: 'Lovelace',
    company: 'Analytical 100%_Engines',
    overallScore: 4,
    sentimentTag: 'Interested',
    channels: ['email', 'sms'],
    lastActivityAt: '2026-01-06T10:00:00.000001Z',
    scoredAt: '2026-01-06T10:00:03Z',
    messageSeq: 3,
    identities: [
      { kind: 'email', value: 'ada@analytical.test' },
      { kind: 'phone', value: '+12125550187' },
      { kind: 'linkedin', value: 'https://www.linkedin.com/in/ada' },
    ],
  },
  bob: {
    firstName: 'Bob',
    company: 'Analytical 1000 Engines',
    overallScore: 3,
    channels: ['sms'],
    lastActivityAt: '2026-01-06T10:00:00.000002Z',
    messageSeq: 2,
    scoredSeq: 1,
  },
  cleo: {
    overallScore: 2,
    channels: ['linkedin'],
    lastActivityAt: '2026-01-06T10:00:00.000003Z',
    messageSeq: 2,
    scoredSeq: 1,
    parkedAt: '2026-01-06T11:00:00Z',
    identities: [{ kind: 'email', value: 'cleo@nile.test' }],
  },
  dan: {
    firstName: 'dan',
    overallScore: 1,
    disqualifiedReason: 'Opt out',
    sentimentTag: 'Opt Out',
    channels: ['email'],
    lastActivityAt: '2026-01-05T10:00:00Z',
    messageSeq: 2,
  },
  eve: { lastName: 'Eve', lastActivityAt: '2026-01-04T10:00:00Z' },
}

leads.before(async () => {
  api = await testApi()
  workspace = await testWorkspace(api, 'First')
  for (const [name, lead] of Object.entries(people)) {
    ids[name] = await insertLead(api.database, { ...lead, workspaceId: workspace.id })
  }
  const leadId = ids.ada as string
  for (let n = 1; n <= 3; n++) {
    await insertMessage(api.database, {
      workspaceId: workspace.id,
      leadId,
      body: `Message ${n}`,
      sentAt: `2026-01-06T10:00:00.00000${n}Z`,
      ...(n !== 2 && { seq: n }),
    })
    await insertScore(api.database, {
      workspaceId: workspace.id,
      leadId,
      seq: n * 10,
      messageSeq: n,
      overall: n,
    })
  }
})
leads.after(() => api.close())

const get = (path: string): Promise<Answer> =>
  api.call('GET', `/api/v1/leads${path}`, { token: workspace.tokens.viewer })
const nameOf = (id: string) => Object.keys(ids).find((name) => ids[name] === id)
const namesOf = async (query: string): Promise<(string | undefined)[]> => {
  const { status, body, text } = await get(query)
  assert.is(status, 200, text)
  return body.items.map(({ id }: { id: string }) => nameOf(id))
}
const sorted = async (query: string) => (await namesOf(query)).sort()

leads('a row carries who it is, the scores and what covers them', async () => {
  const { body } = await get('?q=lovelace')
  const { createdAt, ...row } = body.items[0]
  assert.match(createdAt, /Z$/)
  assert.equal(row, {
    id: ids.ada,
    state: 'scored',
    name: 'Ada Lovelace',
    firstName: 'Ada',
    lastName: 'Lovelace',
    company: 'Analytical 100%_Engines',
    title: null,
    industry: null,
    headcount: null,
    email: 'ada@analytical.test',
    phone: '+12125550187',
    linkedinUrl: 'https://www.linkedin.com/in/ada',
    channels: ['email', 'sms'],
    lastChannel: 'email',
    sentimentTag: 'Interested',
    fitScore: 4,
    intentScore: 4,
    overallScore: 4,
    scoreReasoning: null,
    scoredAt: '2026-01-06T10:00:03.000Z',
    scoredBy: null,
    provisional: false,
    disqualifiedReason: null,
    demo: false,
    messageSeq: 3,
    scoredSeq: 3,
    scoringError: null,
    parkedAt: null,
    lastInboundAt: null,
    lastOutboundAt: null,
    lastActivityAt: '2026-01-06T10:00:00.000Z',
    lastMessage: {
      direction: 'inbound',
      channel: 'email',
      text: 'Message 3',
      sentAt: '2026-01-06T10:00:00.000Z',
    },
  })
})

leads('every score filter takes what its name says', async () => {
  assert.equal(await sorted('?score=all'), ['ada', 'bob', 'cleo', 'dan', 'eve'])
  assert.equal(await sorted('?score=4'), ['ada'])
  assert.equal(await sorted('?score=3plus'), ['ada', 'bob'])
  assert.equal(await sorted('?score=2plus'), ['ada', 'bob', 'cleo'])
  assert.equal(await sorted('?score=1plus'), ['ada', 'bob', 'cleo', 'dan'])
  assert.equal(await sorted('?score=unscored'), ['eve'])
  assert.equal(await sorted('?score=disqualified'), ['dan'])
})

leads('the state follows from the score, what it covers and who gave up', async () => {
  const { body } = await get('')
  const states = body.items.map(({ id, state }: Record<string, string>) => [
    nameOf(id as string),
    state,
  ])
  assert.equal(Object.fromEntries(states), {
    ada: 'scored',
    bob: 'pending',
    cleo: 'failed',
    dan: 'disqualified',
    eve: 'unscored',
  })
})

leads('filters add up', async () => {
  assert.equal(await sorted('?channel=sms'), ['ada', 'bob'])
  assert.equal(await sorted('?channel=sms&score=4'), ['ada'])
  assert.equal(await sorted('?sentiment=Opt%20Out'), ['dan'])
  assert.equal(await sorted('?sentiment=Interested&channel=linkedin'), [])
})

leads('search finds names, companies, addresses and numbers, in any case', async () => {
  assert.equal(await sorted('?q=ADA%20love'), ['ada'])
  assert.equal(await sorted('?q=engines'), ['ada', 'bob'])
  assert.equal(await sorted('?q=CLEO@nile'), ['cleo'])
  assert.equal(await sorted(`?q=${encodeURIComponent('+1212')}`), ['ada'])
  assert.equal(await sorted('?q=nobody'), [])
})

leads('signs that mean something to LIKE mean themselves', async () => {
  assert.equal(await sorted(`?q=${encodeURIComponent('100%')}`), ['ada'])
  assert.equal(await sorted('?q=_'), ['ada'])
  assert.equal(await sorted(`?q=${encodeURIComponent('\\')}`), [])
  assert.equal(await sorted(`?q=${encodeURIComponent(`' or 1=1 --`)}`), [])
})

leads('every order is the one its name says', async () => {
  assert.equal(await namesOf(''), ['cleo', 'bob', 'ada', 'dan', 'eve'])
  assert.equal(await namesOf('?sort=lastActivity'), ['eve', 'dan', 'ada', 'bob', 'cleo'])
  assert.equal(await namesOf('?sort=-score'), ['ada', 'bob', 'cleo', 'dan', 'eve'])
  assert.equal(await namesOf('?sort=score'), ['dan', 'cleo', 'bob', 'ada', 'eve'])
  assert.equal(await namesOf('?sort=name'), ['ada', 'bob', 'dan', 'eve', 'cleo'])
  assert.is((await namesOf('?sort=-scoredAt'))[0], 'ada')
})

leads('pages of one tell every lead once, in every order', async () => {
  for (const sort of ['-lastActivity', 'lastActivity', '-score', 'score', '-scoredAt', 'name']) {
    const whole = await namesOf(`?sort=${sort}`)
    const paged: (string | undefined)[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body }: Answer = await get(`?sort=${sort}&limit=1${cursor && `&cursor=${cursor}`}`)
      paged.push(...body.items.map(({ id }: { id: string }) => nameOf(id)))
      cursor = body.nextCursor
    }
    assert.equal(paged, whole, sort)
  }
})

leads('leads that tie are told apart by id', async () => {
  const tied = await testWorkspace(api, 'Tied')
  const lastActivityAt = '2026-01-06T10:00:00Z'
  for (let n = 0; n < 5; n++) {
    await insertLead(api.database, { workspaceId: tied.id, lastActivityAt })
  }
  const seen = new Set<string>()
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body }: Answer = await api.call(
      'GET',
      `/api/v1/leads?limit=2${cursor && `&cursor=${cursor}`}`,
      { token: tied.tokens.viewer },
    )
    for (const { id } of body.items) seen.add(id)
    cursor = body.nextCursor
  }
  assert.is(seen.size, 5)
})

leads('a wrong filter is refused by name', async () => {
  const fieldOf = async (query: string) => {
    const { status, body } = await get(query)
    assert.is(status, 400, query)
    return body.errors.map(({ field }: { field: string }) => field)
  }
  assert.equal(await fieldOf('?score=5'), ['score'])
  assert.equal(await fieldOf('?score='), ['score'])
  assert.equal(await fieldOf('?score=4&score=3plus'), ['score'])
  assert.equal(await fieldOf('?channel=fax'), ['channel'])
  assert.equal(await fieldOf('?sentiment=Angry'), ['sentiment'])
  assert.equal(await fieldOf('?sort=company'), ['sort'])
  assert.equal(await fieldOf('?q='), ['q'])
  assert.equal(await fieldOf(`?q=${'x'.repeat(201)}`), ['q'])
  for (const limit of ['0', '201', '1.5', 'ten', '']) {
    assert.equal(await fieldOf(`?limit=${limit}`), ['limit'], limit)
  }
  assert.equal(await fieldOf('?scores=4'), ['scores'])
})

leads('a cursor that this list did not make is refused', async () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const id = ids.ada
  const key = { sort: '-lastActivity', keys: ['2026-01-06T10:00:00.000001Z'], id }
  assert.is((await get(`?cursor=${encode(key)}`)).status, 200)
  for (const wrong of [
    'x',
    encode(null),
    encode({}),
    encode({ ...key, id: 'x' }),
    encode({ ...key, keys: [] }),
    encode({ ...key, keys: ['2026-02-30T10:00:00.000001Z'] }),
    encode({ ...key, keys: ['0000-01-01T10:00:00.000001Z'] }),
    encode({ ...key, keys: ['now'] }),
    encode({ ...key, keys: [4] }),
    encode({ ...key, sort: '-score' }),
    encode({ ...key, more: 1 }),
    encode(key).slice(0, -5),
  ]) {
    const { status, body } = await get(`?cursor=${wrong}`)
    assert.is(status, 400, wrong)
    assert.equal(body.errors, [{ field: 'cursor', message: 'takes a nextCursor of this list' }])
  }
  assert.is((await get(`?sort=name&cursor=${encode(key)}`)).status, 400)
  const nul = encode({ sort: 'name', keys: ['0', 'a\u0000\ud800'], id })
  assert.is((await get(`?sort=name&cursor=${nul}`)).status, 200)
})

leads('one lead shows its identities and where its history is', async () => {
  const { status, body } = await get(`/${ids.ada}`)
  assert.is(status, 200)
  assert.equal(body.identities.length, 3)
  assert.equal(body.identities[0], { kind: 'email', value: 'ada@analytical.test' })
  assert.is(body.disqualifiedBy, null)
  for (const path of Object.values(body.links) as string[]) {
    const answer = await api.call('GET', path, { token: workspace.tokens.viewer })
    assert.is(answer.status, 200, path)
  }
})

leads('messages come newest first, in pages, without their payload', async () => {
  const bodies: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body }: Answer = await get(
      `/${ids.ada}/messages?limit=2${cursor && `&cursor=${cursor}`}`,
    )
    bodies.push(...body.items.map(({ body: text }: { body: string }) => text))
    cursor = body.nextCursor
  }
  assert.equal(bodies, ['Message 3', 'Message 2', 'Message 1'])
  const [newest, outbound] = (await get(`/${ids.ada}/messages`)).body.items
  assert.is(newest.seq, 3)
  assert.is(newest.direction, 'inbound')
  assert.is(newest.attachments, 2)
  assert.is(newest.repliedFrom, 'colleague@acme.test')
  assert.not.ok('payload' in newest)
  assert.is(outbound.seq, null)
})

leads('scores come newest first, in pages', async () => {
  const { body } = await get(`/${ids.ada}/scores?limit=2`)
  assert.equal(
    body.items.map(({ seq, messageSeq, overallScore }: Record<string, number>) => [
      seq,
      messageSeq,
      overallScore,
    ]),
    [
      [30, 3, 3],
      [20, 2, 2],
    ],
  )
  const rest = await get(`/${ids.ada}/scores?limit=2&cursor=${body.nextCursor}`)
  assert.equal(rest.body.items.length, 1)
  assert.is(rest.body.nextCursor, null)
  assert.is(rest.body.items[0].scoreReasoning, 'Because.')
})

leads('a lead that is not there is not found, and what is no id is named', async () => {
  for (const path of ['', '/messages', '/scores']) {
    assert.is((await get(`/01890a5d-ac96-774b-bcce-b302099a8057${path}`)).status, 404)
    const { status, body } = await get(`/not-an-id${path}`)
    assert.is(status, 400)
    assert.equal(body.errors, [{ field: 'id', message: 'takes a UUID' }])
  }
})

leads('a row tells the newest message, whoever wrote it', async () => {
  const { body } = await api.call('GET', '/api/v1/leads?q=ada@', { token: workspace.tokens.viewer })
  assert.equal(body.items[0].lastMessage, {
    direction: 'inbound',
    channel: 'email',
    text: 'Message 3',
    sentAt: '2026-01-06T10:00:00.000Z',
  })
  const silent = await api.call('GET', `/api/v1/leads/${ids.eve}`, {
    token: workspace.tokens.viewer,
  })
  assert.is(silent.body.lastMessage, null)
})

leads('some leads are asked for by their ids, and strangers are left out', async () => {
  const other = await testWorkspace(api, 'Stranger')
  const stranger = await insertLead(api.database, { workspaceId: other.id })
  const list = (wanted: unknown[]) =>
    api.call('GET', `/api/v1/leads?ids=${wanted.join(',')}`, { token: workspace.tokens.viewer })
  const { body } = await list([ids.bob, stranger, String(ids.dan).toUpperCase()])
  assert.equal(
    body.items.map(({ id }: { id: string }) => id),
    [ids.bob, ids.dan],
  )
  const refused = await list([ids.bob, 'x'])
  assert.equal(refused.body.errors, [
    { field: 'ids', message: 'takes up to 100 lead ids, separated by commas' },
  ])
})

leads.run()
