/**
 * The database's own rate for one message per transaction: pgbench sends lead, message and job as one
 * prepared statement into Leadpulse's tables, with nothing but a loop in front of it.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { v7 as uuidv7 } from 'uuid'
import type { BenchDatabase } from './place.ts'

const run = promisify(execFile)

export interface Pgbench {
  /** Transactions per second with so many connections. */
  tps(clients: number, seconds: number): Promise<number>
  close(): void
}

/** Null: there is no pgbench on this machine. */
export async function openPgbench(
  database: BenchDatabase,
  options: { leads: number; payload: unknown },
): Promise<Pgbench | null> {
  if (!(await run('pgbench', ['--version']).catch(() => null))) return null
  const workspaceId = uuidv7()
  await database.client.query('insert into workspace (id, name) values ($1::uuid, $2)', [
    workspaceId,
    'pgbench',
  ])
  const dir = mkdtempSync(join(tmpdir(), 'leadpulse-pgbench-'))
  const script = join(dir, 'message.sql')
  writeFileSync(script, scriptOf(workspaceId, options))
  return {
    async tps(clients, seconds) {
      const args = ['-n', '-M', 'prepared', '-j', '2', '-f', script]
      const { stdout } = await run('pgbench', [
        ...args,
        ...['-c', String(clients), '-T', String(seconds), database.url],
      ])
      const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1]
      if (!tps) throw new Error(`pgbench said no rate:\n${stdout}`)
      return Number(tps)
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** The lead of a number is always the same one; message and job are new. */
function scriptOf(workspaceId: string, { leads, payload }: { leads: number; payload: unknown }) {
  return `\\set lead random(1, ${leads})
with written as (
  insert into lead (id, workspace_id, first_name, company, channels, last_channel, message_seq,
    last_inbound_at)
  values (md5('lead ' || :lead)::uuid, '${workspaceId}', 'Dana', 'Harlow Freight', '{email}',
    'email', 1, now())
  on conflict (id) do update set message_seq = lead.message_seq + 1,
    last_inbound_at = now(), last_activity_at = now(), updated_at = now()
  returning id, message_seq
), stored as (
  insert into message (id, workspace_id, lead_id, channel, provider, direction, kind, dedupe_key,
    subject, body, payload, sent_at, seq)
  select gen_random_uuid(), '${workspaceId}', id, 'email', 'generic', 'inbound', 'text',
    'pgbench ' || gen_random_uuid(), 'Re: Cutting onboarding time',
    'Sounds good, send me the pricing.', ${literal(JSON.stringify(payload))}::jsonb, now(),
    message_seq
  from written
  returning id
)
insert into pgboss.job (id, name, data)
select id, 'EMAIL_INBOUND_POST_PROCESS', jsonb_build_object('messageId', id) from stored;
`
}

/** pgbench takes a colon before a letter or digit for a variable of its own. */
function literal(json: string): string {
  const harmless = json.replaceAll("'", "''").replaceAll(/:(?=\w)/g, ': ')
  return `'${harmless}'`
}
