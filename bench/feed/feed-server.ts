/**
 * The feed alone in a process: the service's own routes, hub and reads on a real PostgreSQL, without
 * the work of webhooks and scoring, so that its processor time is the feed's. Scores are committed
 * here when asked for, woken as the scorer does it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { type Database, openDatabase } from '../../src/database.ts'
import { recordScore } from '../../src/domain/scoring/record-score.ts'
import { silentLog } from '../../test/support/database.ts'
import { type FeedServer, feedServer } from '../../test/support/feed-server.ts'
import { cpuMs, serve } from './process.ts'

let database: Database
let server: FeedServer
interface Workspace {
  id: string
  leadIds: string[]
  /** By lead, message_seq of its last score. */
  seen: number[]
}
let workspaces: Workspace[] = []

const LEADS = 50
/** As the service sets them; a test server is more hasty. */
const HUB = { batchMs: 25, pollMs: 250 }

async function newWorkspace(name: string): Promise<Workspace> {
  const id = uuidv7()
  await database.query('insert into workspace (id, name) values ($1::uuid, $2)', [id, name])
  const leadIds = Array.from({ length: LEADS }, () => uuidv7())
  await database.query(
    `insert into lead (id, workspace_id, first_name, last_name, last_channel)
     select id, $2::uuid, 'Dana', 'Harlow', 'email' from unnest($1::uuid[]) as id`,
    [leadIds, id],
  )
  return { id, leadIds, seen: leadIds.map(() => 0) }
}

const REASONING =
  'Asks for a price for forty seats and proposes a call on Thursday; logistics, in the stated size.'

function score(workspace: Workspace, index: number): Promise<number | null> {
  const { id: workspaceId, leadIds, seen } = workspace
  const next = (seen[index] ?? 0) + 1
  seen[index] = next
  const overallScore = ((next % 4) + 1) as 1 | 2 | 3 | 4
  return database.transaction((tx) =>
    recordScore(tx, {
      workspaceId,
      leadId: leadIds[index] as string,
      seen: next,
      scores: { fitScore: 3, intentScore: overallScore, overallScore, reasoning: REASONING },
      model: 'rules-v1',
      promptVersion: 'bench',
    }),
  )
}

const commands = {
  async start(of: { databaseUrl: string; workspaces: number }) {
    database = await openDatabase({ databaseUrl: of.databaseUrl, dataDir: '', log: silentLog })
    server = await feedServer(database, { hub: HUB, limits: { socketsPerTokenMax: 10_000 } })
    const names = Array.from({ length: of.workspaces }, (_, index) => `Bench ${index}`)
    workspaces = await Promise.all(names.map(newWorkspace))
    const tokens = await Promise.all(workspaces.map(({ id }) => server.tokenOf(id)))
    return {
      url: server.wsUrl,
      ids: workspaces.map(({ id }) => id),
      leadIds: workspaces.map(({ leadIds }) => leadIds),
      headers: tokens.map(({ token }) => ({ authorization: `Bearer ${token}` })),
    }
  },
  /** Somebody else committed; told as a commit of our own would be. */
  wake({ id }: { id: string }): void {
    server.hub.wake(id)
  },
  cpuMs,
  rssKb: () => process.memoryUsage.rss() / 1024,
  meters: () => server.hub.meters(),
  /** Scores with so many writers for so long, in all workspaces but the last; answers commits. */
  async commit({ writers, ms }: { writers: number; ms: number }): Promise<number> {
    const some = workspaces.slice(0, -1)
    const until = performance.now() + ms
    let commits = 0
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const workspace = some[writer % some.length] as Workspace
        // Each writer has leads of its own, or they would wait for each other's rows.
        const own = writer % LEADS
        while (performance.now() < until) {
          await score(workspace, own)
          server.hub.wake(workspace.id)
          commits += 1
        }
      }),
    )
    return commits
  },
  async stop(): Promise<void> {
    await server.close()
    await database.close()
    await delay(0)
  },
}
export type FeedServerCommands = typeof commands
serve(commands)
