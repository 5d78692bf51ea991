/**
 * What a process holds of the queues: the claims to keep alive, and the slots that are left.
 *
 * The slots of a queue are shared by a dynamic threshold: a workspace may hold as many as are free.
 * One alone takes half of them, two a third each, and whoever comes next always finds a slot,
 * however long the others' backlogs are.
 */
import { type QueueName, SCORING_QUEUE } from '../job-queues.ts'
import type { ClaimedJob } from '../jobs.ts'
import type { LeadScorer } from './lead-scorer.ts'

/** Post-process jobs per channel. More only wait for the database's connections. */
const POST_PROCESS_SLOTS = 32

export type HeldJobs = ReturnType<typeof heldJobs>

export function heldJobs(scoringHeldMax: number) {
  const postProcess = new Map<string, ClaimedJob>()
  const scorers = new Map<string, LeadScorer>()
  /** Fetches under way: their jobs are claimed already, whether we still want them or not. */
  const fetching = new Set<QueueName>()
  let onChange: (() => void)[] = []
  const changed = () => {
    const waiting = onChange
    onChange = []
    for (const resume of waiting) resume()
  }
  const shares = sharesOfSlots(scoringHeldMax)
  const drop = (job: ClaimedJob) => {
    // By identity: the same job may be held again already, in a later attempt.
    if (postProcess.get(job.id) === job) {
      postProcess.delete(job.id)
      shares.give(job)
    }
    if (scorers.get(job.data.leadId)?.job === job) {
      scorers.delete(job.data.leadId)
      shares.give(job)
    }
    changed()
  }
  return {
    scorers: scorers as ReadonlyMap<string, LeadScorer>,
    fetching,
    changed,
    room: shares.room,
    takePostProcess(job: ClaimedJob) {
      const earlier = postProcess.get(job.id)
      if (earlier) drop(earlier)
      postProcess.set(job.id, job)
      shares.take(job)
    },
    takeScoring(scorer: LeadScorer) {
      scorers.set(scorer.job.data.leadId, scorer)
      shares.take(scorer.job)
    },
    drop,
    /** Another worker has the job, or nobody wants it any more: what runs here must not be written. */
    lose(job: ClaimedJob) {
      const scorer = scorers.get(job.data.leadId)
      if (scorer?.job !== job) return
      scorer.stop()
      drop(job)
    },
    claims: (): ClaimedJob[] => [
      ...postProcess.values(),
      ...[...scorers.values()].map(({ job }) => job),
    ],
    /** Resolves at the next job that ends. */
    change: () => new Promise<void>((resolve) => void onChange.push(resolve)),
    postProcessing: () => postProcess.size,
    isBusy: () => scorers.size + postProcess.size + fetching.size > 0,
    phases() {
      const counts: Record<string, number> = {}
      for (const scorer of scorers.values()) {
        counts[scorer.phase()] = (counts[scorer.phase()] ?? 0) + 1
      }
      return counts
    },
  }
}

export interface Room {
  /** Jobs to ask for at most: if one workspace gets them all, it stays within its share. */
  slots: number
  /** Workspaces that hold their share already. */
  crowded: string[]
}

function sharesOfSlots(scoringHeldMax: number) {
  const lanes = new Map<QueueName, { held: number; byWorkspace: Map<string, number> }>()
  const slotsOf = (queue: QueueName) =>
    queue === SCORING_QUEUE ? scoringHeldMax : POST_PROCESS_SLOTS
  const laneOf = (queue: QueueName) => {
    const known = lanes.get(queue)
    if (known) return known
    const lane = { held: 0, byWorkspace: new Map<string, number>() }
    lanes.set(queue, lane)
    return lane
  }
  const add = ({ queue, data: { workspaceId } }: ClaimedJob, count: 1 | -1) => {
    const lane = laneOf(queue)
    const held = (lane.byWorkspace.get(workspaceId) ?? 0) + count
    lane.held += count
    if (held === 0) lane.byWorkspace.delete(workspaceId)
    else lane.byWorkspace.set(workspaceId, held)
  }
  return {
    take: (job: ClaimedJob) => add(job, 1),
    give: (job: ClaimedJob) => add(job, -1),
    room(queue: QueueName): Room {
      const lane = laneOf(queue)
      const free = slotsOf(queue) - lane.held
      const crowded: string[] = []
      let slots = Math.ceil(free / 2)
      for (const [workspaceId, held] of lane.byWorkspace) {
        if (held >= free) crowded.push(workspaceId)
        else slots = Math.min(slots, Math.ceil((free - held) / 2))
      }
      return { slots, crowded }
    },
  }
}
