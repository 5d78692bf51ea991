/**
 * Fills a database with a year's work of one workspace: leads with identities and scores, messages,
 * score events, jobs, AI calls, steps and rejected deliveries, each table by one set-based statement.
 * Indexes are dropped before and built again after, as for any bulk load.
 *
 * Lead `n` and message `n` have ids that follow from `n`, so that everything can name them.
 */
import type { Sql } from '../../src/domain/sql.ts'

export interface FillOptions {
  workspaceId: string
  leads: number
  messages: number
  /** Messages of lead 0 beside its share: a conversation without end. */
  longConversation: number
  say(what: string): void
}

/** Payloads, score events, rejected deliveries and jobs are kept 30 days of the year. */
const YEAR_MS = 360 * 86_400_000
const KEPT_SHARE = 30 / 360
/** Ended jobs are kept for an hour: a busy hour's worth. */
const JOBS_MAX = 500_000
/** Of a UUID version 7 made `ms` after the epoch. */
const idSql = (ms: string, salt: string) =>
  `(lpad(to_hex((${ms})::bigint), 12, '0') || '7' || substr(md5(${salt}), 1, 3) || '8'
    || substr(md5(${salt}), 4, 15))::uuid`

export interface Filled {
  /** SQL of the id of lead `n`. */
  leadId(n: string): string
  longLeadId: string
}

export async function fill(sql: Sql, options: FillOptions): Promise<Filled> {
  const { workspaceId, leads, messages, longConversation, say } = options
  const startMs = Date.now() - YEAR_MS
  const leadMs = (n: string) => `${startMs} + (${n})::bigint * ${YEAR_MS} / ${leads} / 2`
  const leadId = (n: string) => idSql(leadMs(n), `'lead ' || (${n})`)
  const messageMs = (n: string) => `${startMs} + (${n})::bigint * ${YEAR_MS} / ${messages}`
  const at = (ms: string) => `to_timestamp((${ms}) / 1000.0)`
  const ws = `'${workspaceId}'::uuid`
  /** A number below `max` that looks like chance and is the same every time. */
  const chance = (n: string, salt: number, max: number) =>
    `((hashint8((${n})::bigint * 31 + ${salt})::bigint & 2147483647) % ${max})`

  await sql.query('set statement_timeout = 0')
  const restore = await dropIndexes(sql)
  const triggered = ['lead', 'lead_identity']
  for (const table of triggered) await sql.query(`alter table ${table} disable trigger user`)

  say(`${leads.toLocaleString('en-US')} leads`)
  await sql.query(`
    insert into lead (id, workspace_id, first_name, last_name, company, title, sentiment_tag,
      disqualified_reason, disqualified_by, disqualified_at, fit_score, intent_score,
      overall_score, score_reasoning, scored_at, scored_by, message_seq, scored_seq, channels,
      last_channel, last_inbound_at, last_activity_at, created_at, updated_at)
    select ${leadId('n')}, ${ws}, ${pick(FIRST_NAMES, chance('n', 1, FIRST_NAMES.length))},
      ${pick(LAST_NAMES, chance('n', 2, LAST_NAMES.length))},
      ${pick(COMPANIES, chance('n', 3, COMPANIES.length))} || ' ' || ${chance('n', 4, 2000)},
      'Head of Operations', ${tagSql(chance('n', 5, 100_000))},
      case when ${chance('n', 6, 100)} < 3 then 'asked not to be contacted' end,
      case when ${chance('n', 6, 100)} < 3 then 'opt_out' end,
      case when ${chance('n', 6, 100)} < 3 then ${at(leadMs('n'))} end,
      overall, overall, overall,
      case when overall is not null then 'Asks for a price and fits the profile in most points.' end,
      case when overall is not null then active end,
      case when overall is not null then 'rules-v1' end,
      seqs, seqs, array[channel], channel, active, active, ${at(leadMs('n'))}, active
    from (
      select n, ${messagesOf('n', leads, messages)} as seqs,
        ${at(`${startMs} + ${chance('n', 7, 1_000_000)}::bigint * ${YEAR_MS} / 1000000`)} as active,
        case when ${chance('n', 6, 100)} < 3 then 1
          when ${chance('n', 8, 100)} < 5 then 4 when ${chance('n', 8, 100)} < 20 then 3
          when ${chance('n', 8, 100)} < 50 then 2 when ${chance('n', 8, 100)} < 75 then 1
        end as overall,
        ${channelSql('n', leads)} as channel
      from generate_series(0, ${leads - 1}) as n
    ) as made`)
  say('identities')
  await sql.query(`
    insert into lead_identity (workspace_id, kind, value, lead_id)
    select ${ws}, 'email', 'person.' || n || '@company-' || ${chance('n', 3, 5000)} || '.example',
      ${leadId('n')}
    from generate_series(0, ${leads - 1}) as n
    union all
    select ${ws}, 'phone', '+1212' || lpad(n::text, 7, '0'), ${leadId('n')}
    from generate_series(0, ${leads - 1}, 2) as n`)
  say(`${(messages + longConversation).toLocaleString('en-US')} messages`)
  const message = (n: string, of: { id: string; lead: string; key: string; seq: string }) => `
    select ${of.id}, ${ws}, ${of.lead}, 'email', 'generic', 'inbound', 'text', ${of.key},
      'Re: Cutting onboarding time',
      'Thanks for reaching out. We look after ' || ${chance(n, 9, 400)}
        || ' vehicles in three states. What would it cost, and can we talk on Thursday?',
      case when ${n} >= ${Math.floor(messages * (1 - KEPT_SHARE))} then jsonb_build_object(
        'event', 'reply', 'id', ${n}, 'text', repeat('What would it cost for us? ', 20),
        'from', md5((${n})::text), 'to', md5((${n} + 1)::text)) end,
      ${at(messageMs(n))}, ${at(messageMs(n))}, ${of.seq}, 'Information Requested',
      ${at(messageMs(n))}`
  await sql.query(`
    insert into message (id, workspace_id, lead_id, channel, provider, direction, kind, dedupe_key,
      subject, body, payload, sent_at, received_at, seq, sentiment_tag, post_processed_at)
    ${message('n', {
      id: idSql(messageMs('n'), `'message ' || n`),
      // Neighbours in time are of different leads: a conversation lies all over the table.
      lead: leadId(leadOfMessage('n', leads)),
      key: `'fill ' || md5(n::text)`,
      seq: `n / ${leads} + 1`,
    })}
    from generate_series(0, ${messages - 1}) as n`)
  if (longConversation > 0) {
    await sql.query(`
      insert into message (id, workspace_id, lead_id, channel, provider, direction, kind,
        dedupe_key, subject, body, payload, sent_at, received_at, seq, sentiment_tag,
        post_processed_at)
      ${message(`(k * ${Math.floor(messages / longConversation)})::bigint`, {
        id: idSql(
          messageMs(`k * ${Math.floor(messages / longConversation)}::bigint`),
          `'long ' || k`,
        ),
        lead: leadId('0'),
        key: `'long ' || k`,
        seq: `${messagesOf('0', leads, messages)} + k + 1`,
      })}
      from generate_series(0, ${longConversation - 1}) as k`)
    await sql.query(`
      update lead set message_seq = message_seq + ${longConversation},
        scored_seq = scored_seq + ${longConversation}
      where id = ${leadId('0')}`)
  }
  await fillRest(sql, { ...options, at, leadId, messageMs, ws, chance })
  say('indexes')
  for (const statement of restore) await sql.query(statement)
  // Looks up each lead's identities, hence by their index.
  say('words to search')
  await sql.query('select lead_search_refresh(array(select id from lead))')
  for (const table of triggered) await sql.query(`alter table ${table} enable trigger user`)
  say('vacuum and statistics')
  await sql.query('vacuum analyze')
  const [row] = await sql.query<{ id: string }>(`select ${leadId('0')} as id`)
  return { leadId, longLeadId: row?.id ?? '' }
}

interface Words {
  at(ms: string): string
  leadId(n: string): string
  messageMs(n: string): string
  ws: string
  chance(n: string, salt: number, max: number): string
}

/** What grows around leads and messages, each as long as it is kept. */
async function fillRest(sql: Sql, options: FillOptions & Words): Promise<void> {
  const { leads, messages, say, at, leadId, messageMs, ws, workspaceId } = options
  const kept = Math.floor(messages * KEPT_SHARE)
  const first = messages - kept
  say(`${kept.toLocaleString('en-US')} score events, AI calls; a tenth of it rejected`)
  await sql.query(`
    insert into score_event (workspace_id, seq, lead_id, fit_score, intent_score, overall_score,
      previous_overall_score, reasoning, model, prompt_version, message_seq, channel,
      sentiment_tag, scored_at)
    select ${ws}, n - ${first} + 1, ${leadId(leadOfMessage('n', leads))}, 3, 3, 3, 2,
      'Asks for a price and fits the profile in most points.', 'rules-v1', 'lead_scoring.v1',
      n / ${leads} + 1, 'email', 'Information Requested', ${at(messageMs('n'))}
    from generate_series(${first}, ${messages - 1}) as n`)
  await sql.query(`update workspace set feed_seq = ${kept} where id = ${ws}`)
  await sql.query(`
    insert into ai_interaction (id, workspace_id, lead_id, source, feature_id, prompt_version,
      requested_model, model, outcome, input_tokens, cached_tokens, output_tokens,
      reasoning_tokens, cost_usd, latency_ms, created_at)
    select ${idSql(messageMs('n'), `'call ' || n`)}, ${ws}, ${leadId(leadOfMessage('n', leads))},
      'background-job/lead-scoring-post-process', 'lead_scoring.score', 'lead_scoring.v1',
      'gpt-5-nano', 'gpt-5-nano', 'ok', 1200, 800, 90, 0, 0.0001, 900, ${at(messageMs('n'))}
    from generate_series(${first}, ${messages - 1}) as n`)
  await sql.query(`
    insert into message_step (message_id, step, state, at)
    select ${idSql(messageMs('n'), `'message ' || n`)}, step, 'done', ${at(messageMs('n'))}
    from generate_series(${first}, ${messages - 1}) as n,
      unnest(array['rules', 'contacts', 'sentiment', 'rollups']) as step`)
  await sql.query(`
    insert into rejected_delivery (id, workspace_id, channel, provider, reason, body, body_hash,
      received_at)
    select ${idSql(messageMs('n'), `'rejected ' || n`)}, ${ws}, 'email', 'postmark',
      'From: takes an address', convert_to('{"From":"' || n || '"}', 'UTF8'), md5(n::text),
      ${at(messageMs('n'))}
    from generate_series(${first}, ${messages - 1}, 10) as n`)
  const jobs = Math.min(JOBS_MAX, messages)
  say(`${jobs.toLocaleString('en-US')} ended jobs`)
  await sql.query(`
    insert into pgboss.job (id, name, data, group_id, state, created_on, started_on, completed_on)
    select gen_random_uuid(),
      case when n % 2 = 0 then 'EMAIL_INBOUND_POST_PROCESS' else 'LEAD_SCORING_POST_PROCESS' end,
      jsonb_build_object('workspaceId', '${workspaceId}', 'leadId', ${leadId(`n % ${leads}`)},
        'messageId', gen_random_uuid()),
      '${workspaceId}', 'completed', ended - interval '4 seconds', ended - interval '3 seconds',
      ended
    from (
      select n, now() - n * interval '3600 seconds' / ${jobs} as ended
      from generate_series(0, ${jobs - 1}) as n
    ) as made`)
}

/** The leads in another order each round, so that no two tables lie in the same one. */
const leadOfMessage = (n: string, leads: number) =>
  `((${n})::bigint % ${leads} * ${coprimeTo(leads)} % ${leads})`

/** How many messages of the series are of lead `n`; every lead has the same but for the last round. */
const messagesOf = (_n: string, leads: number, messages: number) =>
  `${Math.floor(messages / leads)}`

function coprimeTo(count: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
  let factor = 7919
  while (gcd(factor, count) !== 1) factor += 2
  return factor
}

/** Everything but primary keys, and the keys to other tables, whose checks cost more than the rows. */
async function dropIndexes(sql: Sql): Promise<string[]> {
  const constraints = await sql.query<{ name: string; of: string; definition: string }>(
    `select conname as name, conrelid::regclass::text as of, pg_get_constraintdef(oid) as definition
     from pg_constraint
     where contype in ('u', 'f') and conrelid = any($1::regclass[])
     order by contype desc`,
    [FILLED_TABLES],
  )
  const indexes = await sql.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
     from pg_index
     where indrelid = any($1::regclass[]) and not indisprimary
       and not exists (select 1 from pg_constraint where conindid = indexrelid)`,
    [FILLED_TABLES],
  )
  const inOrder = constraints.toSorted((a, b) => Number(isKey(b)) - Number(isKey(a)))
  for (const { name, of } of inOrder.toReversed()) {
    await sql.query(`alter table ${of} drop constraint ${name}`)
  }
  for (const { name } of indexes) await sql.query(`drop index ${name}`)
  return [
    ...indexes.map(({ definition }) => definition),
    ...inOrder.map(
      ({ name, of, definition }) => `alter table ${of} add constraint ${name} ${definition}`,
    ),
  ]
}

const isKey = ({ definition }: { definition: string }) => definition.startsWith('UNIQUE')
const FILLED_TABLES = [
  'lead',
  'lead_identity',
  'lead_search',
  'message',
  'message_step',
  'score_event',
  'ai_interaction',
  'rejected_delivery',
]

const pick = (words: readonly string[], index: string) =>
  `(array[${words.map((word) => `'${word}'`).join(', ')}])[${index} + 1]`

const FIRST_NAMES = [
  ...['Dana', 'Miguel', 'Aisha', 'Tom', 'Priya', 'Lena', 'Kofi', 'Sarah', 'Ivan', 'Mei', 'Jonas'],
  ...['Olga', 'Pierre', 'Hannah', 'Ravi', 'Elena', 'David', 'Fatima', 'Peter', 'Yuki', 'Carlos'],
]
const LAST_NAMES = [
  ...['Okafor', 'Harlow', 'Nguyen', 'Petrov', 'Garcia', 'Schmidt', 'Kowalski', 'Silva', 'Brown'],
  ...['Tanaka', 'Cohen', 'Rossi', 'Larsen', 'Dubois', 'Singh', 'Yilmaz', 'Moore', 'Novak', 'Ali'],
  ...['Fischer', 'Ibrahim', 'Costa', 'Jensen', 'Murphy', 'Varga', 'Adeyemi', 'Lindqvist', 'Park'],
]
const COMPANIES = [
  ...['Harlow Freight', 'Northwind Clinics', 'Pinecrest Dental', 'Bluewater Logistics'],
  ...['Summit Staffing', 'Ironbridge Steel', 'Lakeside Hotels', 'Quarry Street Bakery'],
]

/** From everyday to a handful among a million. */
const tagSql = (below: string) => `case
  when ${below} < 20000 then 'New' when ${below} < 45000 then 'Neutral'
  when ${below} < 60000 then 'Information Requested' when ${below} < 70000 then 'Not Interested'
  when ${below} < 80000 then 'Interested' when ${below} < 88000 then 'Follow Up'
  when ${below} < 93000 then 'Out of Office' when ${below} < 96000 then 'Automated Reply'
  when ${below} < 98000 then 'Meeting Requested' when ${below} < 99000 then 'Opt Out'
  when ${below} < 99600 then 'Call Requested' when ${below} < 99900 then 'Meeting Booked'
  when ${below} < 99990 then 'Bounced' else 'Blacklist' end`

/** SMS only for a hundred of a million; every second lead by mail. */
const channelSql = (n: string, leads: number) => `case
  when ${n} % ${Math.max(2, Math.floor(leads / 100))} = 1 then 'sms'
  when ${n} % 20 < 10 then 'email' when ${n} % 20 < 15 then 'smartlead'
  when ${n} % 20 < 18 then 'instantly' else 'linkedin' end`
