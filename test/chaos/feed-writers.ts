/**
 * Those who score while the feed is watched. Through the service: replies by webhook, sent again
 * until they are answered, scored by the rules. Beside it, on PostgreSQL: transactions as another
 * process would make them, some slow while they hold the counter, some rolled back.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { openDatabase } from '../../src/database.ts'
import { channels } from '../../src/domain/channels/inbound-event.ts'
import { recordScore } from '../../src/domain/scoring/record-score.ts'
import type { Scores } from '../../src/domain/scoring/score.ts'
import type { Random } from '../../src/simulate/random.ts'
import { silentLog } from '../support/database.ts'
import type { Belongings } from './belongings.ts'

export interface Writer {
  /** One score more, or one that was tried and rolled back. */
  write(): Promise<void>
}

export interface Writers {
  /** Writes until then, each with pauses of random length, none in the middle. */
  end(): Promise<void>
}

export function keepWriting(writers: Writer[], pauseMs: number, random: Random): Writers {
  let ended = false
  const loops = writers.map(async (writer) => {
    while (!ended) {
      await writer.write()
      await delay(random.between(0, 2 * pauseMs))
    }
  })
  return {
    async end() {
      ended = true
      await Promise.all(loops)
    },
  }
}

/** Each of them means another score to the rules. */
const replies = [
  'Yes, let us talk on Thursday. What would it cost for 40 seats?',
  'Interesting. Can you send me more information?',
  'Who is this?',
  'Not interested, thanks.',
]
const RETRY_MS = 150

export function webhookWriter(of: {
  baseUrl: string
  /** Webhook path per channel. */
  webhooks: Record<string, string>
  name: string
  leads: number
  random: Random
}): Writer {
  const { baseUrl, webhooks, name, leads, random } = of
  const paths = Object.values(webhooks)
  let written = 0
  return {
    async write() {
      const lead = written % leads
      written += 1
      const body = JSON.stringify({
        externalId: `${name}-${written}`,
        body: random.pick(replies),
        lead: { email: `${name}-${lead}@example.com`, firstName: name, company: `Company ${lead}` },
      })
      // A lead stays on its channel, like a person.
      const url = `${baseUrl}${paths[lead % paths.length]}`
      const headers = { 'content-type': 'application/json' }
      for (;;) {
        const response = await fetch(url, { method: 'POST', headers, body }).catch(() => null)
        const text = await response?.text().catch(() => null)
        if (response?.ok && text) return
        if (response && response.status < 500 && response.status !== 429) {
          throw new Error(`the webhook was answered ${response.status}: ${text}`)
        }
        await delay(RETRY_MS)
      }
    },
  }
}

class RolledBack extends Error {}
const SLOW = 0.3
const SLOW_MS_MAX = 6
const ROLLED_BACK = 0.03

/** Opens one pool for all of them. */
export async function directWriters(of: {
  databaseUrl: string
  workspaceIds: string[]
  leads: number
  random: Random
  belongings: Belongings
}): Promise<Writer[]> {
  const { databaseUrl, workspaceIds, leads, random, belongings } = of
  const poolMax = workspaceIds.length
  const options = { databaseUrl, dataDir: '', log: silentLog, poolMax }
  const database = await openDatabase(options)
  belongings.add(() => database.close())
  return Promise.all(
    workspaceIds.map(async (workspaceId) => {
      const own = Array.from({ length: leads }, () => ({ id: uuidv7(), seen: 0 }))
      for (const { id } of own) {
        await database.query(
          `insert into lead (id, workspace_id, first_name, last_channel)
           values ($1::uuid, $2::uuid, 'Direct', $3)`,
          [id, workspaceId, random.pick(channels)],
        )
      }
      return {
        async write() {
          const lead = random.pick(own)
          lead.seen += 1
          const scoring = database.transaction(async (tx) => {
            await recordScore(tx, {
              workspaceId,
              leadId: lead.id,
              seen: lead.seen,
              scores: scoresOf(random),
              model: 'direct',
              promptVersion: 'chaos',
            })
            if (random.chance(SLOW)) await delay(random.between(0, SLOW_MS_MAX))
            if (random.chance(ROLLED_BACK)) throw new RolledBack()
          })
          await scoring.catch((error: unknown) => {
            if (!(error instanceof RolledBack)) throw error
          })
        },
      }
    }),
  )
}

/** Now and then a lead goes back to unscored. */
function scoresOf(random: Random): Scores | null {
  if (random.chance(0.05)) return null
  const overallScore = random.pick([1, 2, 3, 4] as const)
  return { fitScore: overallScore, intentScore: overallScore, overallScore, reasoning: 'direct' }
}
